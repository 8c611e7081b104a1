import { expect, jest, test } from '@jest/globals';
import { createInbox, type Inbox } from '../../src/client/index.js';
import { type Random, seeded } from '../support/random.js';
import { FakeServer, refusal } from './support/fake-server.js';
import { pass, useFakeTimers } from './support/fake-timers.js';

const STEPS = 1_000;

useFakeTimers();

/** Something happens: to the inbox, on the network, or in this tab. */
function step(random: Random, server: FakeServer, inbox: Inbox): void {
  const ids = () =>
    random.some(server.items.slice(0, random.pick([5, 40, 300])), random.between(1, 3)).map(({ id }) => id);
  const actions: (() => unknown)[] = [
    () => server.notify(),
    () => server.notify(),
    () => server.notify(),
    () => server.change({ read: ids() }),
    () => server.change({ readUpTo: server.numbers.lastId - random.between(0, 5) }),
    () => server.change({ unreadIds: ids().slice(0, 1) }),
    () => server.change({ removed: ids() }),
    () => inbox.markRead(ids()),
    () => inbox.markRead('all'),
    () => inbox.markUnread(ids().slice(0, 1)),
    () => inbox.remove(ids().slice(0, 1)),
    () => inbox.loadMore(),
    () => inbox.loadMore(),
    // Someone scrolls far down.
    async () => {
      while (random.chance(0.8) && inbox.getState().hasMore) await inbox.loadMore().catch(() => {});
    },
    () => undefined,
  ];
  if (random.chance(0.03)) server.drop();
  if (random.chance(0.02)) inbox.open();
  random.pick(actions)();
}

async function simulate(random: Random): Promise<void> {
  // The client's jitter, too.
  const jitter = random.fork();
  jest.spyOn(Math, 'random').mockImplementation(() => jitter.next());
  const server = new FakeServer();
  for (let i = 0; i < 300; i++) server.notify();
  server.maxReplay = random.pick([3, 1_000]);
  const inbox = createInbox({
    url: server.url,
    token: () => 't',
    fetch: server.fetch,
    eventSource: server.EventSource,
  });
  const arrived: number[] = [];
  inbox.on('notification', ({ id }) => arrived.push(id));
  server.latency = () => random.between(0, 400);
  server.tellsDetails = () => random.chance(0.8);
  server.accepts = () => random.chance(0.8);
  server.intercept = async () => {
    if (random.chance(0.05)) throw new TypeError('no network');
    return random.chance(0.05) ? refusal(429, 'Too many at once.') : undefined;
  };
  for (let i = 0; i < STEPS; i++) {
    step(random, server, inbox);
    await pass(random.pick([0, 0, 10, 100, 2_000]));
  }

  // All is well again: what is under way arrives.
  server.accepts = () => true;
  server.intercept = () => undefined;
  await pass(200_000);
  const { items, unread, hasMore, status, error, loading } = inbox.getState();
  expect({ status, error, loading, unread }).toEqual({
    status: 'live',
    error: null,
    loading: false,
    unread: server.numbers.unread,
  });
  expect(items).toEqual(server.items.slice(0, items.length));
  expect(hasMore).toBe(items.length < server.items.length);
  expect(items.length).toBeGreaterThanOrEqual(Math.min(20, server.items.length));
  // Once each, in their order, and none that is there is missing.
  expect(arrived).toEqual([...new Set(arrived)].sort((a, b) => a - b));
  const first = arrived[0] ?? 0;
  if (server.maxReplay < 1_000) return finish(server, inbox);
  expect(server.items.map(({ id }) => id).filter((id) => id >= first && !arrived.includes(id))).toEqual([]);
  await finish(server, inbox);
}

async function finish(server: FakeServer, inbox: Inbox): Promise<void> {
  expect(server.streams.size).toBe(1);
  inbox.close();
  expect(server.streams.size).toBe(0);
  // A ping may have been on its way.
  await pass(1_000);
  expect(jest.getTimerCount()).toBe(0);
}

test('whatever happens, an inbox ends up as the server has it, and every arrival is told once', async () => {
  for (let i = 0; i < 6; i++) await seeded(simulate);
}, 120_000);
