import { describe, expect, jest, test } from '@jest/globals';
import { createInbox, type InboxOptions } from '../../src/client/index.js';
import { FakeServer, refusal } from './support/fake-server.js';
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

test('a page that an event has overtaken is asked for again, and the list that is shown stays', async () => {
  const { server, inbox } = await open(300, { pageSize: 100 });
  await inbox.loadMore();
  let release = () => {};
  server.intercept = (request) => {
    if (!request.includes('before=')) return undefined;
    const { nextBefore, items, ...numbers } = { ...server.numbers, items: server.items.slice(200), nextBefore: null };
    return new Promise((resolve) => {
      release = () => resolve(Response.json({ items, nextBefore, ...numbers }));
    });
  };
  const more = inbox.loadMore();
  await pass(0);
  server.intercept = () => undefined;
  server.change({ read: [50, 150, 299] });
  release();
  await more;
  await pass(10_000);
  expect(inbox.getState().items).toEqual(server.items);
  expect(server.requests.filter((request) => request === 'GET ?limit=100&before=101')).toHaveLength(2);
  expect(server.requests.filter((request) => request === 'GET ?limit=100')).toHaveLength(1);
  inbox.close();
});

test('a list of 10,000 asks once for an event without details, and again only for what is looked at', async () => {
  const { server, inbox } = await open(10_000, { pageSize: 100 });
  while (inbox.getState().hasMore) await inbox.loadMore();
  expect(inbox.getState().items).toHaveLength(10_000);
  const asked = server.requests.length;
  server.tellsDetails = () => false;
  server.change({ read: [9_990, 5_000], removed: [9_980, 4_000] });
  await pass(200_000);
  expect(server.requests.slice(asked)).toEqual(['GET ?limit=100']);
  // Nothing that is shown is wrong, and what is not shown is there to be loaded, changed and removed.
  expect(inbox.getState()).toMatchObject({ hasMore: true, unread: server.numbers.unread });
  expect(inbox.getState().items).toEqual(server.items.slice(0, 100));
  await inbox.remove(3_000);
  await inbox.markRead([2_000]);
  expect(server.numbers.unread).toBe(10_000 - 6);
  await pass(200_000);
  while (inbox.getState().hasMore) await inbox.loadMore();
  expect(inbox.getState().items).toEqual(server.items);
  inbox.close();
});

test('events without details that come in a row are one request at a time', async () => {
  const { server, inbox } = await open(500, { pageSize: 100 });
  while (inbox.getState().hasMore) await inbox.loadMore();
  const asked = server.requests.length;
  server.tellsDetails = () => false;
  server.latency = () => 50;
  for (let id = 1; id <= 50; id++) server.change({ read: [id] });
  await pass(10_000);
  expect(server.requests.length - asked).toBeLessThanOrEqual(2);
  expect(inbox.getState().items).toEqual(server.items.slice(0, 100));
  inbox.close();
});

test('goes on after a page that has no notification, but tells where others are', async () => {
  const { server, inbox } = await open(60);
  const gap = { items: [], ...server.numbers };
  server.intercept = async (request) => {
    if (request === 'GET ?limit=20&before=41') return Response.json({ ...gap, nextBefore: 35 });
    return request === 'GET ?limit=20&before=35' ? Response.json({ ...gap, nextBefore: 30 }) : undefined;
  };
  await inbox.loadMore();
  expect(inbox.getState().items.map(({ id }) => id)).toEqual([...range(60, 41), ...range(29, 10)]);
  expect(inbox.getState().hasMore).toBe(true);
  inbox.close();
});

test('what has arrived while it looked for the first notification is not lost', async () => {
  const server = new FakeServer();
  for (let i = 0; i < 40; i++) server.notify();
  server.intercept = async (request) => {
    if (request !== 'GET ?limit=20') return undefined;
    const answer = { items: [], ...server.numbers, nextBefore: 31 };
    server.notify();
    return Response.json(answer);
  };
  const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
  await pass(0);
  expect(inbox.getState().items.map(({ id }) => id)).toEqual([41, ...range(30, 11)]);
  inbox.close();
});

describe('429', () => {
  /** Answered for the first so many requests of a kind. */
  function tooMany(server: FakeServer, start: string, times: number, retryAfter?: string): void {
    let left = times;
    server.intercept = async (request) => {
      if (!request.startsWith(start) || left-- <= 0) return undefined;
      const answer = refusal(429, 'Too many at once.');
      if (retryAfter) answer.headers.set('retry-after', retryAfter);
      return answer;
    };
  }

  test.each([
    ['7', 7_000],
    ['3600', 60_000],
    [undefined, 2_000],
    ['soon', 2_000],
  ])('with Retry-After %s: the change stays, and is sent again after %i ms, not before', async (retryAfter, ms) => {
    const { server, inbox } = await open(3);
    fixJitter(0);
    tooMany(server, 'POST /read', 1, retryAfter);
    const errors: unknown[] = [];
    inbox.on('error', (error) => errors.push(error));
    const marked = inbox.markRead([1, 2]);
    await pass(ms - 1);
    expect(inbox.getState().unread).toBe(1);
    expect(server.requests.filter((request) => request === 'POST /read')).toHaveLength(1);
    await pass(1);
    await marked;
    expect(server.requests.filter((request) => request === 'POST /read')).toHaveLength(2);
    expect([server.numbers.unread, errors]).toEqual([1, []]);
    inbox.close();
  });

  test('clients that were told the same come back at different moments', async () => {
    const { server, inbox } = await open(3);
    fixJitter(0.5);
    tooMany(server, 'POST /read', 1, '10');
    const marked = inbox.markRead(1);
    await pass(14_999);
    expect(server.numbers.unread).toBe(3);
    await pass(1);
    await marked;
    expect(server.numbers.unread).toBe(2);
    inbox.close();
  });

  test('again and again: at last the change is undone, and says so', async () => {
    const { server, inbox } = await open(3);
    tooMany(server, 'DELETE', Number.POSITIVE_INFINITY, '2');
    const removed = inbox.remove(2);
    await pass(60_000);
    await expect(removed).rejects.toMatchObject({ code: 'refused', status: 429 });
    expect(server.requests.filter((request) => request.startsWith('DELETE'))).toHaveLength(4);
    expect(inbox.getState().items).toHaveLength(3);
    inbox.close();
  });

  test('for a list: it is there in the end, without a storm', async () => {
    const server = new FakeServer();
    server.notify();
    tooMany(server, 'GET', 10, '2');
    const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
    await pass(600_000);
    expect(inbox.getState()).toMatchObject({ status: 'live', unread: 1, error: null });
    expect(server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(11);
    inbox.close();
  });

  test('close() gives up what waits: nothing is sent with the credentials of whoever signs in next', async () => {
    const { server, inbox } = await open(3);
    tooMany(server, '', 2, '30');
    const changed = inbox.markRead(1);
    const more = inbox.loadMore();
    server.tellsDetails = () => false;
    server.change({ read: [2] });
    await pass(1_000);
    const sent = server.requests.length;
    inbox.close();
    await expect(changed).rejects.toMatchObject({ code: 'closed' });
    await more;
    expect(jest.getTimerCount()).toBe(0);
    await pass(600_000);
    expect(server.requests).toHaveLength(sent);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: from - to + 1 }, (_, index) => from - index);
}

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

test('a probe whose answer breaks off is no unhandled rejection', async () => {
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);
  const { server, inbox } = await open(1);
  server.accepts = () => false;
  let probed = 0;
  server.intercept = (request) => {
    if (!request.includes('/stream?')) return undefined;
    probed += 1;
    const body = new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) });
    return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }));
  };
  server.drop();
  await pass(60_000);
  expect(probed).toBeGreaterThan(0);
  inbox.close();
  jest.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve));
  expect(unhandled).not.toHaveBeenCalled();
  process.off('unhandledRejection', unhandled);
});
