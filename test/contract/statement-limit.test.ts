import { getEventListeners, getMaxListeners } from 'node:events';
import { expect, test } from '@jest/globals';
import { StatementLimit } from '../../src/notifications/inbox/statement-limit.js';
import { pass, useFakeTimers } from '../client/support/fake-timers.js';

useFakeTimers();

const never = () => new Promise<never>(() => {});

test('a call that hangs ends all calls, from two seconds after the limit was set', async () => {
  const limit = new StatementLimit();
  void limit.run(never);
  await pass(5_000);
  limit.set();
  await pass(1_900);
  limit.check();
  await pass(200);
  expect(() => limit.check()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});

test('a transaction whose statements are answered does not hang, however long it takes; one that stops does', async () => {
  const limit = new StatementLimit();
  let onAnswer = () => {};
  void limit.run((tell) => {
    onAnswer = tell;
    return never();
  });
  limit.set();
  for (let i = 0; i < 10; i++) {
    await pass(900);
    onAnswer();
  }
  limit.check();
  await pass(1_200);
  expect(() => limit.check()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
});

test('a pool of many connections is no leak to Node', () => {
  const limit = new StatementLimit();
  const sockets = Array.from({ length: 30 }, () => limit.socketsOf(undefined)());
  // Node's warning goes by these two: jest's process does not hear it.
  const { signal } = Reflect.get(limit, 'sockets') as AbortController;
  expect(getEventListeners(signal, 'abort')).toHaveLength(30);
  expect(getMaxListeners(signal)).toBeGreaterThanOrEqual(30);
  for (const socket of sockets) socket.destroy();
});
