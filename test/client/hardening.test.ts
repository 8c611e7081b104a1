import { expect, jest, test } from '@jest/globals';
import { createInbox, type InboxOptions } from '../../src/client/index.js';
import { FakeServer } from './support/fake-server.js';
import { fixJitter, pass, useFakeTimers } from './support/fake-timers.js';

useFakeTimers();

/** An inbox of so many notifications, live. */
async function open(count: number, options: Partial<InboxOptions> = {}) {
  const server = new FakeServer();
  for (let i = 0; i < count; i++) server.notify();
  const { url, fetch, EventSource: eventSource } = server;
  const inbox = createInbox({ url, token: () => 't', fetch, eventSource, ...options });
  await pass(0);
  return { server, inbox };
}

test('what waits for its turn is not sent after close(), with the credentials of whoever signs in next', async () => {
  const { server, inbox } = await open(3);
  server.latency = () => 5;
  const removed = inbox.remove([1, 2, 3]);
  inbox.close();
  await expect(removed).rejects.toMatchObject({ code: 'closed' });
  await pass(1_000);
  expect(server.requests.filter((request) => request.startsWith('DELETE'))).toEqual([]);
  expect(inbox.getState().items).toHaveLength(3);
});

test("markRead('all') waits for the list that tells what all is", async () => {
  const server = new FakeServer();
  server.notify();
  const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
  await inbox.markRead('all');
  expect(server.numbers.unread).toBe(0);
  inbox.close();
  await expect(inbox.markRead('all')).rejects.toMatchObject({ code: 'closed' });
});

test('a reload that began before loadMore() keeps what that has shown', async () => {
  const { server, inbox } = await open(60);
  const releases: (() => void)[] = [];
  server.intercept = (request) =>
    request.startsWith('GET') ? new Promise((resolve) => releases.push(() => resolve(undefined))) : undefined;
  const more = inbox.loadMore();
  await pass(0);
  server.tellsDetails = () => false;
  server.change({ read: [60] });
  await pass(0);
  const [older, newest] = releases;
  expect(server.requests.slice(-2)).toEqual(['GET ?limit=20&before=41', 'GET ?limit=20']);
  older?.();
  await more;
  expect(inbox.getState().items).toHaveLength(40);
  server.intercept = () => undefined;
  newest?.();
  await pass(0);
  expect(inbox.getState().items).toHaveLength(40);
  expect(inbox.getState().items[0]).toMatchObject({ id: 60, read: true });
  inbox.close();
});

test('a listener that hears of the end of the session can open the next', async () => {
  let token: string | null = 't';
  const { server, inbox } = await open(1, { token: () => token });
  inbox.on('error', ({ code }) => {
    expect([code, inbox.getState().status]).toEqual(['signed-out', 'signed-out']);
    token = 'new';
    inbox.open();
  });
  token = null;
  server.drop();
  await pass(10_000);
  expect(inbox.getState().status).toBe('live');
  inbox.close();
});

test('a clock that is put back does not keep a dead connection', async () => {
  const { server, inbox } = await open(0);
  fixJitter(1);
  server.isAlive = false;
  await pass(20_000);
  jest.setSystemTime(-3_600_000);
  await pass(50_000);
  await pass(50_000);
  expect(inbox.getState().status).toBe('reconnecting');
  inbox.close();
});

test('close() gives up what is under way: a program can end', async () => {
  const { server, inbox } = await open(0);
  let isAborted = false;
  const fetch = (_: unknown, { signal }: RequestInit = {}) =>
    new Promise<Response>((__, reject) => {
      signal?.addEventListener('abort', () => {
        isAborted = true;
        reject(signal.reason);
      });
    });
  inbox.close();
  const other = createInbox({
    url: server.url,
    fetch: fetch as typeof globalThis.fetch,
    eventSource: server.EventSource,
  });
  await pass(0);
  other.close();
  await pass(0);
  expect(isAborted).toBe(true);
  expect(jest.getTimerCount()).toBe(0);
});

test('a server that tells no times is not stormed', async () => {
  const server = new FakeServer();
  Object.assign(server, { retryMs: undefined });
  const deliver = server.begin.bind(server);
  server.begin = (stream) => {
    const plain = stream.deliver.bind(stream);
    stream.deliver = (event, data, id) => plain(event, { ...data, heartbeatMs: undefined }, id);
    deliver(stream);
  };
  const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
  await pass(10_000);
  server.drop();
  await pass(2_999);
  await pass(1);
  expect(server.opened).toBe(2);
  expect(inbox.getState().status).toBe('live');
  inbox.close();
});

test('what is shown cannot be changed from outside', async () => {
  const { server, inbox } = await open(2);
  expect(() => (inbox.getState().items as unknown[]).reverse()).toThrow(TypeError);
  server.notify();
  expect(inbox.getState().items.map(({ id }) => id)).toEqual([3, 2, 1]);
  inbox.close();
});

test('a list that is another one altogether is asked whose it is, before it is shown', async () => {
  const bob = new FakeServer();
  bob.recipient = 'bob';
  for (let i = 0; i < 40; i++) bob.notify('for bob');
  const alice = new FakeServer();
  let current = alice;
  for (let i = 0; i < 3; i++) alice.notify();
  alice.change({ read: [1] });
  const fetch: typeof globalThis.fetch = (input, init) => current.fetch(input, init);
  const inbox = createInbox({ url: alice.url, fetch, eventSource: alice.EventSource });
  await pass(0);
  // In another tab Bob signs in: the cookies are his. Alice's stream is still open.
  current = bob;
  alice.tellsDetails = () => false;
  alice.change({ read: [3] });
  await pass(10_000);
  expect(inbox.getState().status).toBe('signed-out');
  expect(inbox.getState().items.filter(({ title }) => title === 'for bob')).toEqual([]);
  expect(bob.requests.length).toBeLessThan(10);
});

const message = { id: 4, type: 't', title: 'T', body: null, url: null, data: {}, createdAt: '2026-01-01T00:00:00Z' };

test.each([
  ['no JSON', 'message', '{"id":'],
  ['a notification without a title', 'message', JSON.stringify({ ...message, read: false, title: undefined })],
  ['a notification without a time', 'message', JSON.stringify({ ...message, read: false, createdAt: 'soon' })],
  ['an id that is none', 'message', JSON.stringify({ ...message, read: false, id: '4' })],
  ['numbers that are none', 'state', '{"lastId":4,"unread":"many","revision":1}'],
  ['details that are none', 'state', '{"lastId":4,"unread":1,"revision":1,"removed":"all"}'],
  ['null', 'ready', 'null'],
])('%s on the stream is never shown: the client connects anew and loads the list', async (_, event, data) => {
  const { server, inbox } = await open(3);
  const shown: string[] = [];
  inbox.on('notification', ({ title }) => shown.push(title));
  for (const stream of [...server.streams]) stream.dispatch(event, data, '4');
  expect(inbox.getState()).toMatchObject({ unread: 3, items: [{ id: 3 }, { id: 2 }, { id: 1 }] });
  server.notify('after');
  await pass(10_000);
  expect(inbox.getState()).toMatchObject({ status: 'live', unread: 4, items: server.items });
  expect(shown).toEqual(['after']);
  inbox.close();
});

test('a stream that begins with nonsense each time is tried less and less often, and the list is right meanwhile', async () => {
  const { server, inbox } = await open(3);
  const begin = server.begin.bind(server);
  server.begin = (stream) => {
    stream.deliver('ready', { ...server.numbers, heartbeatMs: 20_000, retryMs: 3_000 }, 3);
    stream.dispatch('message', '{}', '4');
  };
  server.drop();
  server.notify('behind it');
  await pass(10_000);
  expect(inbox.getState()).toMatchObject({ unread: 4, items: server.items });
  await pass(590_000);
  expect(server.opened).toBeLessThan(60);
  server.begin = begin;
  await pass(120_000);
  expect(inbox.getState()).toMatchObject({ status: 'live', items: server.items });
  inbox.close();
});

test('a revision from nowhere is not asked for again and again', async () => {
  const { server, inbox } = await open(3);
  server.intercept = () => {
    if (server.requests.length > 50) throw new Error('a storm');
    return undefined;
  };
  server.send('state', { lastId: 0, unread: 0, revision: 2 });
  await pass(0);
  server.notify('after');
  await pass(1_000);
  expect(inbox.getState()).toMatchObject({ status: 'live', unread: 4, items: server.items, error: null });
  expect(server.requests.length).toBeLessThan(10);
  inbox.close();
});

test.each([1e15, -1, 0, Number.NaN, '20'])('a heartbeat of %p ms is none', async (heartbeatMs) => {
  const server = new FakeServer();
  Object.assign(server, { heartbeatMs });
  server.isAlive = false;
  const deliver = server.begin.bind(server);
  server.begin = (stream) => {
    Object.assign(server, { heartbeatMs });
    deliver(stream);
    // Its own timer is none of this.
    server.heartbeatMs = 20_000;
  };
  const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
  await pass(49_000);
  expect({ status: inbox.getState().status, opened: server.opened }).toEqual({ status: 'live', opened: 1 });
  await pass(5_000);
  expect(server.opened).toBe(2);
  inbox.close();
});
