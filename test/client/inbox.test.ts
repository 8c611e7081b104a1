import { expect, jest, test } from '@jest/globals';
import { createInbox, type Inbox, InboxError, type InboxOptions, type InboxState } from '../../src/client/index.js';
import { FakeServer, refusal } from './support/fake-server.js';
import { pass, useFakeTimers } from './support/fake-timers.js';

useFakeTimers();

/** An inbox of so many notifications, live. */
async function open(count: number, options: Partial<InboxOptions> = {}) {
  const server = new FakeServer();
  for (let i = 0; i < count; i++) server.notify();
  const inbox = createInbox({
    url: server.url,
    token: () => 't',
    fetch: server.fetch,
    eventSource: server.EventSource,
    ...options,
  });
  const errors: InboxError[] = [];
  inbox.on('error', (error) => errors.push(error));
  await pass(0);
  return { server, inbox, errors };
}

function idsIn(inbox: Inbox): number[] {
  return inbox.getState().items.map(({ id }) => id);
}

function unreadIn(inbox: Inbox): number[] {
  return inbox
    .getState()
    .items.filter(({ read }) => !read)
    .map(({ id }) => id);
}

function loads(server: FakeServer): string[] {
  return server.requests.filter((request) => request.startsWith('GET'));
}

/** Answers a request only when the function that it returns is called. */
function hold(server: FakeServer, start: string): (answer?: Response) => void {
  let release: (answer?: Response) => void = () => {};
  server.intercept = (request) =>
    request.startsWith(start)
      ? new Promise((resolve) => {
          release = resolve;
        })
      : undefined;
  return (answer) => release(answer);
}

test('shows the newest, then what arrives, and loads older ones until there are none', async () => {
  const { server, inbox } = await open(45);
  expect(idsIn(inbox)).toEqual(range(45, 26));
  expect(inbox.getState()).toMatchObject({ status: 'live', unread: 45, hasMore: true, loading: false, error: null });
  server.notify();
  expect(idsIn(inbox)[0]).toBe(46);
  const more = inbox.loadMore();
  expect(inbox.getState().loading).toBe(true);
  expect(inbox.loadMore()).toBe(more);
  await more;
  expect(idsIn(inbox)).toEqual(range(46, 6));
  await inbox.loadMore();
  expect(inbox.getState()).toMatchObject({ hasMore: false, loading: false });
  await inbox.loadMore();
  expect(idsIn(inbox)).toEqual(range(46, 1));
  expect(loads(server)).toEqual(['GET ?limit=20', 'GET ?limit=20&before=26', 'GET ?limit=20&before=6']);
  inbox.close();
});

test('the state is the same object until something changes, and never changes itself', async () => {
  const { server, inbox } = await open(2);
  const before = inbox.getState();
  const copy = structuredClone(before.items);
  server.send('ping', {});
  server.send('state', server.numbers);
  await pass(0);
  expect(inbox.getState()).toBe(before);
  expect(() => Object.assign(before, { unread: 7 })).toThrow(TypeError);
  await inbox.markRead(1);
  server.notify();
  expect(inbox.getState()).not.toBe(before);
  expect(before.items).toEqual(copy);
  // What did not change is the same for whoever renders it.
  expect(inbox.getState().items[1]).toBe(before.items[0]);
  inbox.close();
});

test('tells subscribers the state at once, and once for all that happens in one go', async () => {
  const { server, inbox } = await open(0);
  const states: InboxState[] = [];
  const unsubscribe = inbox.subscribe((state) => states.push(state));
  expect(states).toEqual([inbox.getState()]);
  for (let i = 0; i < 500; i++) server.notify();
  await pass(0);
  expect(states).toHaveLength(2);
  expect(states[1]).toBe(inbox.getState());
  expect(states[1]).toMatchObject({ unread: 500 });
  unsubscribe();
  server.notify();
  await pass(0);
  expect(states).toHaveLength(2);
  inbox.close();
});

test('its methods need no this, and a listener that throws harms no other', async () => {
  const { server, inbox } = await open(1);
  const { getState, subscribe, on, markRead, close } = inbox;
  const reported = jest.spyOn(globalThis, 'queueMicrotask');
  on('notification', () => {
    throw new Error('of the application');
  });
  reported.mockImplementation(() => {});
  const told: number[] = [];
  on('notification', ({ id }) => told.push(id));
  server.notify();
  expect(told).toEqual([2]);
  const [[report] = []] = reported.mock.calls.filter(([callback]) => String(callback).includes('throw'));
  expect(report).toThrow('of the application');
  reported.mockRestore();
  subscribe(() => {})();
  await markRead([1, 2]);
  expect(getState().unread).toBe(0);
  close();
});

test.each<[string, (inbox: Inbox) => Promise<void>, number[], number]>([
  ['markRead(2)', (inbox) => inbox.markRead(2), [3, 1], 2],
  ['markRead([1, 3])', (inbox) => inbox.markRead([1, 3]), [2], 1],
  ["markRead('all')", (inbox) => inbox.markRead('all'), [], 0],
  ['remove([2, 3])', (inbox) => inbox.remove([2, 3]), [1], 1],
])('%s shows at once, and stays', async (_, change, unread, count) => {
  const { server, inbox, errors } = await open(3);
  const release = hold(server, 'POST /read');
  const changed = change(inbox);
  expect([unreadIn(inbox), inbox.getState().unread]).toEqual([unread, count]);
  await pass(0);
  release();
  await changed;
  expect([unreadIn(inbox), inbox.getState().unread]).toEqual([unread, count]);
  expect(server.numbers.unread).toBe(count);
  expect(errors).toEqual([]);
  // Its own change came back as an event, too: nothing had to be loaded again.
  expect(loads(server)).toHaveLength(1);
  inbox.close();
});

test('markUnread shows at once, one id after the other', async () => {
  const { server, inbox } = await open(3);
  await inbox.markRead('all');
  const changed = inbox.markUnread([1, 3]);
  expect([unreadIn(inbox), inbox.getState().unread]).toEqual([[3, 1], 2]);
  await changed;
  expect([unreadIn(inbox), inbox.getState().unread, server.numbers.unread]).toEqual([[3, 1], 2, 2]);
  expect(loads(server)).toHaveLength(1);
  inbox.close();
});

test('undoes what the server refuses, and only that, telling so', async () => {
  const { server, inbox, errors } = await open(3);
  server.intercept = async (request) => (request === 'DELETE /2' ? refusal(403, 'Not today.') : undefined);
  const removed = inbox.remove([1, 2]);
  const read = inbox.markRead(3);
  expect([idsIn(inbox), unreadIn(inbox), inbox.getState().unread]).toEqual([[3], [], 0]);
  await expect(removed).rejects.toMatchObject({
    code: 'refused',
    status: 403,
    message: expect.stringMatching('Not today.'),
  });
  await read;
  expect([idsIn(inbox), unreadIn(inbox), inbox.getState().unread]).toEqual([[3, 2], [2], 1]);
  expect(errors).toEqual([expect.any(InboxError)]);
  inbox.close();
});

test('a change without an answer is undone, and reports nothing as unhandled', async () => {
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);
  const { server, inbox, errors } = await open(1);
  server.intercept = () => {
    throw new TypeError('fetch failed');
  };
  void inbox.markRead(1);
  void inbox.remove(1);
  void inbox.loadMore();
  await pass(0);
  expect(unreadIn(inbox)).toEqual([1]);
  expect(errors.map(({ code }) => code)).toEqual(['unreachable', 'unreachable']);
  inbox.close();
  void inbox.markRead(1);
  await expect(inbox.markRead(1)).rejects.toMatchObject({ code: 'closed' });
  jest.useRealTimers();
  await new Promise((resolve) => setTimeout(resolve));
  expect(unhandled).not.toHaveBeenCalled();
  process.off('unhandledRejection', unhandled);
});

test('nothing is asked for no ids, and more than 1,000 go in several requests', async () => {
  const { server, inbox } = await open(1);
  const before = server.requests.length;
  await Promise.all([inbox.markRead([]), inbox.markUnread([]), inbox.remove([])]);
  expect(server.requests).toHaveLength(before);
  await inbox.markRead(range(2_001, 1));
  expect(server.requests.slice(before)).toEqual(['POST /read', 'POST /read', 'POST /read']);
  inbox.close();
});

test('loads its page again after a change that it could not follow, all that was shown', async () => {
  const { server, inbox } = await open(45);
  await inbox.loadMore();
  server.tellsDetails = () => false;
  server.change({ removed: [44], readUpTo: 30 });
  await pass(0);
  expect(idsIn(inbox)).toEqual([45, ...range(43, 5)]);
  expect(unreadIn(inbox)).toEqual([45, ...range(43, 31)]);
  expect(inbox.getState().unread).toBe(server.numbers.unread);
  inbox.close();
});

test('loads it again after a reset, and goes on from there', async () => {
  const { server, inbox } = await open(5);
  const told: number[] = [];
  inbox.on('notification', ({ id }) => told.push(id));
  server.maxReplay = 3;
  server.accepts = () => false;
  server.drop();
  for (let i = 0; i < 10; i++) server.notify();
  server.accepts = () => true;
  await pass(60_000);
  expect(idsIn(inbox)).toEqual(range(15, 1));
  server.notify();
  expect(told).toEqual([16]);
  inbox.close();
});

test('a database that was set back is believed', async () => {
  const { server, inbox } = await open(5);
  await inbox.markRead([4, 5]);
  server.accepts = () => false;
  server.drop();
  server.items = server.items.slice(2).map((item) => ({ ...item, read: item.id === 1 }));
  server.numbers = { lastId: 3, unread: 2, revision: 0 };
  server.accepts = () => true;
  await pass(10_000);
  expect([idsIn(inbox), unreadIn(inbox), inbox.getState().unread]).toEqual([[3, 2, 1], [3, 2], 2]);
  server.notify();
  expect([idsIn(inbox)[0], inbox.getState().unread]).toEqual([4, 3]);
  inbox.close();
});

test('the same id is shown and told once, however often it comes', async () => {
  const { server, inbox } = await open(1);
  const told: number[] = [];
  inbox.on('notification', ({ id }) => told.push(id));
  const item = server.notify();
  server.send('message', item, item.id);
  server.send('message', { ...item, id: 1 }, 1);
  expect([idsIn(inbox), told]).toEqual([[2, 1], [2]]);
  inbox.close();
});

test('grows by arrivals to 1,000; the rest can be loaded again', async () => {
  const { server, inbox } = await open(0);
  for (let i = 0; i < 1_100; i++) server.notify();
  expect(idsIn(inbox)).toEqual(range(1_100, 101));
  expect(inbox.getState()).toMatchObject({ hasMore: true, unread: 1_100 });
  await inbox.loadMore();
  expect(idsIn(inbox)).toEqual(range(1_100, 81));
  inbox.close();
});

test('a list that could not be loaded is loaded later', async () => {
  const server = new FakeServer();
  server.notify();
  server.intercept = async () => refusal(503, 'The database is down.');
  const inbox = createInbox({ url: server.url, fetch: server.fetch, eventSource: server.EventSource });
  await pass(0);
  expect(inbox.getState()).toMatchObject({
    status: 'reconnecting',
    loading: false,
    items: [],
    error: { code: 'refused', status: 503, message: expect.stringContaining('The database is down.') },
  });
  server.intercept = () => undefined;
  await pass(60_000);
  expect(inbox.getState()).toMatchObject({ status: 'live', unread: 1, error: null });
  inbox.close();
});

test('a page of older ones that could not be loaded is said, and can be asked for again', async () => {
  const { server, inbox, errors } = await open(45);
  server.intercept = async (request) => (request.includes('before') ? refusal(500, 'Oops.') : undefined);
  await expect(inbox.loadMore()).rejects.toMatchObject({ status: 500 });
  expect(inbox.getState()).toMatchObject({ loading: false, hasMore: true, error: { status: 500 } });
  expect(errors).toHaveLength(1);
  server.intercept = () => undefined;
  await inbox.loadMore();
  expect(inbox.getState().error).toBeNull();
  expect(idsIn(inbox)).toHaveLength(40);
  inbox.close();
});

test('signals are told as they come', async () => {
  const { server, inbox } = await open(0);
  const told: unknown[] = [];
  inbox.on('signal', (signal) => told.push(signal));
  server.signal('import.progress', { done: 7 });
  expect(told).toEqual([{ type: 'import.progress', data: { done: 7 } }]);
  inbox.close();
});

test('frames are told as they came', async () => {
  const { server, inbox } = await open(0);
  const told: unknown[] = [];
  const off = inbox.on('frame', (frame) => told.push(frame));
  server.signal('x', 1);
  off();
  server.signal('x', 2);
  expect(told).toEqual([{ event: 'signal', id: '0', data: '{"type":"x","data":1}' }]);
  inbox.close();
});

test.each([
  ['the server answers 401', 't'],
  ['there is no token', null],
])('signed out when %s: says so, stops, and begins anew with open()', async (_, token) => {
  let current: string | null = 't';
  const { server, inbox, errors } = await open(2, { token: () => current });
  current = token;
  if (token) server.intercept = async () => refusal(401, 'Unauthorized');
  server.drop();
  await pass(10_000);
  expect(inbox.getState().status).toBe('signed-out');
  expect(errors).toEqual([expect.objectContaining({ code: 'signed-out' })]);
  const asked = server.requests.length;
  await pass(600_000);
  expect(server.requests).toHaveLength(asked);
  expect(jest.getTimerCount()).toBe(0);
  await expect(inbox.markRead(1)).rejects.toMatchObject({ code: 'closed' });

  current = 'new';
  server.intercept = () => undefined;
  server.notify();
  inbox.open();
  await pass(0);
  expect(inbox.getState()).toMatchObject({ status: 'live', unread: 3 });
  inbox.close();
});

test('a token that could not be renewed for the moment is asked for again', async () => {
  let isDown = false;
  const { server, inbox } = await open(0, {
    token: async () => {
      if (isDown) throw new Error('The login server is down.');
      return 't';
    },
  });
  isDown = true;
  server.drop();
  await pass(10_000);
  expect(inbox.getState().status).toBe('reconnecting');
  isDown = false;
  await pass(60_000);
  expect(inbox.getState().status).toBe('live');
  inbox.close();
});

test('the messages of somebody else who has signed in are not shown', async () => {
  const { server, inbox, errors } = await open(1);
  server.recipient = 'bob';
  server.drop();
  await pass(10_000);
  expect(inbox.getState().status).toBe('signed-out');
  expect(errors).toMatchObject([{ code: 'signed-out', message: 'Somebody else has signed in.' }]);
  expect(server.streams.size).toBe(0);
});

test('sends a token as a header, and cookies where there is none', async () => {
  const inits: RequestInit[] = [];
  for (const token of [() => 'secret', undefined]) {
    const server = new FakeServer();
    const fetch: typeof globalThis.fetch = (input, init = {}) => {
      inits.push(init);
      return server.fetch(input, init);
    };
    const inbox = createInbox({ url: `${server.url}/`, token, fetch, eventSource: server.EventSource });
    await pass(0);
    const [stream] = server.streams;
    expect(stream?.init.withCredentials).toBe(token === undefined);
    expect(stream?.url.pathname).toBe('/notifications/stream');
    inbox.close();
  }
  expect(inits.map(({ credentials, headers }) => [credentials, headers])).toEqual([
    ['same-origin', { accept: 'application/json', authorization: 'Bearer secret' }],
    ['same-origin', { accept: 'application/json', authorization: 'Bearer secret' }],
    ['include', { accept: 'application/json' }],
    ['include', { accept: 'application/json' }],
  ]);
});

test('says what is missing', () => {
  const { EventSource } = new FakeServer();
  expect(() => createInbox({ url: '/notifications', eventSource: EventSource })).toThrow(/Invalid URL/);
  expect(() => createInbox({ url: 'https://crm.example/notifications' })).toThrow(/no EventSource here/);
});

function range(from: number, to: number): number[] {
  return Array.from({ length: from - to + 1 }, (_, i) => from - i);
}
