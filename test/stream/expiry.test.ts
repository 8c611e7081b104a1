import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

/** A timer with a longer delay fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const SELDOM_MS = 2 ** 30;

let database: TestDatabase;
let parts: StreamParts;

beforeAll(async () => {
  database = await createMigratedDatabase();
  parts = await StreamParts.start(database.url);
});

afterEach(() => {
  jest.useRealTimers();
});

afterAll(async () => {
  await parts.close();
  await database.drop();
});

test('a session that ends after more than a timer can count ends its stream then, not at once', async () => {
  const stream = new Collected();
  const expiresAt = new Date(Date.now() + 2 * LONGEST_TIMER_MS + 60_000);
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'hrtime'] });
  // Its heartbeat looks at the clock of the test.
  const hub = parts.hub({ heartbeatMs: SELDOM_MS, sweepMs: SELDOM_MS });
  hub.connect({ tenant: '', recipient: 'ann' }, { ...stream.sink, expiresAt });
  jest.advanceTimersByTime(2 * LONGEST_TIMER_MS);
  expect(stream.completed).toBe(false);
  jest.advanceTimersByTime(61_000);
  expect(stream.completed).toBe(true);
  expect(stream.frames.at(-1)?.data).toBe('{"reason":"expired","reconnect":false}');
});

test('a session that is over already gets close expired, and nothing else', async () => {
  const stream = new Collected();
  parts.hub().connect({ tenant: '', recipient: 'bob' }, { ...stream.sink, expiresAt: new Date(0), lastEventId: '7' });
  await eventually(() => expect(stream.completed).toBe(true));
  expect(stream.frames.at(-1)).toEqual({
    type: 'close',
    id: expect.any(String),
    data: expect.stringContaining('expired'),
  });
});

test('a stream that has ended leaves no timer behind', async () => {
  const hub = parts.hub({ heartbeatMs: SELDOM_MS, sweepMs: SELDOM_MS });
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'hrtime'] });
  const expiresAt = new Date(Date.now() + 60_000);
  const before = jest.getTimerCount();
  const connections = [1, 2, 3].map(() =>
    hub.connect({ tenant: '', recipient: 'eve' }, { ...new Collected().sink, expiresAt }),
  );
  expect(jest.getTimerCount()).toBe(before + 3);
  for (const connection of connections) connection.close();
  expect(jest.getTimerCount()).toBe(before);
});
