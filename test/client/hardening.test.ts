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

test.each([
  ['in an envelope', { ok: true, data: { items: [], nextBefore: null, lastId: 0, unread: 0, revision: 0 } }],
  ['of another program', []],
  ['of nobody', null],
])('a list %s is an unexpected answer, and names what may be the cause', async (_, answer) => {
  const server = new FakeServer();
  server.intercept = (request) => (request.startsWith('GET') ? Promise.resolve(Response.json(answer)) : undefined);
  const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
  await pass(0);
  expect(inbox.getState().error).toMatchObject({ code: 'unexpected-answer', message: expect.stringContaining('wrap') });
  expect(inbox.getState().items).toEqual([]);
  inbox.close();
});
