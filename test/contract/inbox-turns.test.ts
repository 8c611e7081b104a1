import { expect, test } from '@jest/globals';
import { InboxTurns } from '../../src/notifications/inbox/inbox-turns.js';
import { pass, useFakeTimers } from '../client/support/fake-timers.js';

useFakeTimers();

const KEY = { tenant: '', recipient: 'alice' };
const OTHER = { tenant: '', recipient: 'bob' };
/** What Postgres answers after `lock_timeout`. */
const lockTimeout = () => Promise.reject(Object.assign(new Error('canceling statement'), { code: '55P03' }));

test('one inbox after the other, in their order; other inboxes at the same time', async () => {
  const turns = new InboxTurns(() => {});
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => () => {
    began.push(name);
    return new Promise<string>((resolve) => ends.push(() => resolve(name)));
  };
  const done = [turns.run(KEY, work('a1')), turns.run(KEY, work('a2')), turns.run(OTHER, work('b1'))];
  await pass(0);
  expect(began).toEqual(['a1', 'b1']);
  ends[0]?.();
  await pass(0);
  expect(began).toEqual(['a1', 'b1', 'a2']);
  for (const end of ends) end();
  expect(await Promise.all(done)).toEqual(['a1', 'a2', 'b1']);
  expect(Reflect.get(turns, 'last').size).toBe(0);
});

test('tries again while the row is locked, and tells after four seconds that it is', async () => {
  const turns = new InboxTurns(() => {});
  let attempts = 0;
  const work = () => {
    attempts += 1;
    return attempts < 4 ? lockTimeout() : Promise.resolve('done');
  };
  const done = turns.run(KEY, work);
  await pass(1_000);
  expect(await done).toBe('done');

  const busy = expect(turns.run(KEY, lockTimeout)).rejects.toMatchObject({ code: 'INBOX_BUSY' });
  const behind = expect(turns.run(KEY, lockTimeout)).rejects.toMatchObject({ code: 'INBOX_BUSY' });
  await pass(4_100);
  await busy;
  await behind;
  expect(await turns.run(KEY, async () => 'free again')).toBe('free again');
});

test('another error is told at once, and the next has its turn', async () => {
  const turns = new InboxTurns(() => {});
  const failing = turns.run(KEY, () => Promise.reject(new Error('of the database')));
  const next = turns.run(KEY, async () => 'next');
  await expect(failing).rejects.toThrow('of the database');
  expect(await next).toBe('next');
});

test('who waited behind a silent Postgres is told so, not that somebody holds the inbox', async () => {
  const turns = new InboxTurns(() => {}, 10_000);
  const silent = () =>
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error('timeout exceeded when trying to connect')), 9_000),
    );
  const calls = [turns.run(KEY, silent), turns.run(KEY, async () => 'late')];
  const settled = Promise.allSettled(calls);
  await pass(9_100);
  for (const result of await settled)
    expect(result).toMatchObject({ reason: { message: expect.stringContaining('timeout exceeded') } });

  // Slow, but not locked: it has its turn. After its caller has been told that it is too late, nothing is changed.
  const slow = (ms: number) => () => new Promise<string>((resolve) => setTimeout(() => resolve('slow'), ms));
  let changed = 0;
  const after = [turns.run(KEY, slow(6_000)), turns.run(KEY, slow(5_000)), turns.run(KEY, async () => changed++)];
  const ended = Promise.allSettled(after);
  await pass(12_000);
  expect(await ended).toMatchObject([
    { value: 'slow' },
    { value: 'slow' },
    { reason: { code: 'DATABASE_UNAVAILABLE' } },
  ]);
  expect(changed).toBe(0);
});
