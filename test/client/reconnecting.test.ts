import { expect, jest, test } from '@jest/globals';
import { createInbox, type Inbox, type InboxStatus } from '../../src/client/index.js';
import { FakeServer } from './support/fake-server.js';
import { fixJitter, pass, useFakeTimers } from './support/fake-timers.js';

useFakeTimers();

/** An inbox whose stream is live. */
async function live(server = new FakeServer()): Promise<{ server: FakeServer; inbox: Inbox; statuses: InboxStatus[] }> {
  const inbox = createInbox({
    url: server.url,
    token: () => 't',
    fetch: server.fetch,
    eventSource: server.EventSource,
  });
  const statuses: InboxStatus[] = [];
  inbox.subscribe(({ status }) => {
    if (status !== statuses.at(-1)) statuses.push(status);
  });
  await pass(0);
  expect(statuses).toEqual(['connecting', 'live']);
  return { server, inbox, statuses };
}

function tokensAskedFor(server: FakeServer): number {
  return server.requests.filter((request) => request === 'POST /stream-token').length;
}

/** The stream that there is. */
function streamOf(server: FakeServer) {
  const [stream] = server.streams;
  if (!stream) throw new Error('There is no stream');
  return stream;
}

test('every connection has a token of its own and goes on from the last id', async () => {
  const server = new FakeServer();
  for (let i = 0; i < 3; i++) server.notify();
  const { inbox } = await live(server);
  const first = streamOf(server).url.searchParams;
  expect(first.get('lastEventId')).toBe('3');
  server.notify();
  server.drop();
  await pass(3_000);
  const second = streamOf(server).url.searchParams;
  expect(second.get('lastEventId')).toBe('4');
  expect(second.get('token')).not.toBe(first.get('token'));
  inbox.close();
});

test.each([
  ['the connection is cut', (server: FakeServer) => server.drop()],
  ['the server ends it', (server: FakeServer) => server.send('close', { reason: 'shutdown', reconnect: true })],
  ['the token has expired', (server: FakeServer) => server.send('close', { reason: 'expired', reconnect: false })],
  ['what comes is no JSON', (server: FakeServer) => streamOf(server).dispatch('state', '<html>')],
])('comes back when %s, telling so', async (_, end) => {
  const { server, inbox, statuses } = await live();
  end(server);
  server.notify('missed');
  await pass(3_000);
  expect(statuses).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  expect(server.streams.size).toBe(1);
  expect(inbox.getState().items.map(({ title }) => title)).toEqual(['missed']);
  inbox.close();
});

test("waits a random part of the server's reconnection time, then of twice as much, up to a minute", async () => {
  const { server, inbox } = await live();
  fixJitter(0.999_999);
  server.accepts = () => false;
  server.drop();
  for (const ms of [3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000]) {
    const asked = server.opened + server.probes;
    await pass(ms - 1_000);
    expect(server.opened + server.probes).toBe(asked);
    await pass(1_000);
    expect(server.opened + server.probes).toBe(asked + 1);
  }
  fixJitter(0.1);
  server.accepts = () => true;
  // The wait that has begun is as long as it was.
  await pass(60_000);
  expect(inbox.getState().status).toBe('live');
  server.drop();
  await pass(299);
  expect(inbox.getState().status).toBe('reconnecting');
  await pass(1);
  expect(inbox.getState().status).toBe('live');
  inbox.close();
});

test('honours a reconnection time of more than a minute, and of none still waits', async () => {
  const server = new FakeServer();
  server.retryMs = 300_000;
  const { inbox } = await live(server);
  fixJitter(0.5);
  server.retryMs = 0;
  server.drop();
  await pass(149_999);
  expect(server.streams.size).toBe(0);
  await pass(1);
  expect(inbox.getState().status).toBe('live');
  server.drop();
  await pass(499);
  expect(server.streams.size).toBe(0);
  await pass(1);
  expect(server.streams.size).toBe(1);
  inbox.close();
});

test('a connection that has died without a word is replaced after 2.5 heartbeats, one with pings never', async () => {
  const { server, inbox, statuses } = await live();
  await pass(600_000);
  expect(server.opened).toBe(1);
  server.isAlive = false;
  await pass(49_000);
  expect(statuses).toEqual(['connecting', 'live']);
  await pass(1_000);
  expect(statuses).toEqual(['connecting', 'live', 'reconnecting']);
  server.isAlive = true;
  await pass(3_000);
  expect(statuses.at(-1)).toBe('live');
  expect(server.streams.size).toBe(1);
  inbox.close();
});

test('a connection that never gets ready is replaced after 30 s', async () => {
  const { server, inbox } = await live();
  server.begin = () => {};
  fixJitter(0);
  server.drop();
  await pass(0);
  expect(server.opened).toBe(2);
  server.isAlive = false;
  await pass(29_999);
  expect(server.opened).toBe(2);
  await pass(2);
  expect(server.opened).toBe(3);
  inbox.close();
});

test.each([
  ['keeps a connection that says something within a second after a sleep', true],
  ['replaces one that does not', false],
])('%s', async (_, isAlive) => {
  const { server, inbox } = await live();
  server.isAlive = false;
  await pass(49_000);
  // The clock goes on, timers don't.
  jest.setSystemTime(3_600_000);
  await pass(1_000);
  server.isAlive = isAlive;
  server.send('ping', {});
  await pass(999);
  expect(inbox.getState().status).toBe('live');
  await pass(1);
  expect(inbox.getState().status).toBe(isAlive ? 'live' : 'reconnecting');
  inbox.close();
});

test('a server that has no token to give is asked again, later each time', async () => {
  const { server, inbox, statuses } = await live();
  fixJitter(0.999_999);
  server.intercept = async () => Response.json({ statusCode: 503, message: 'down' }, { status: 503 });
  server.drop();
  const before = tokensAskedFor(server);
  await pass(3_000 + 6_000 + 12_000);
  expect(tokensAskedFor(server)).toBe(before + 3);
  server.intercept = () => undefined;
  await pass(24_000);
  expect(statuses).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  inbox.close();
});

test('a request without an answer fails after 15 s', async () => {
  const server = new FakeServer();
  const fetch = (_: unknown, { signal }: RequestInit = {}) =>
    new Promise<Response>((__, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  const inbox = createInbox({
    url: server.url,
    fetch: fetch as typeof globalThis.fetch,
    eventSource: server.EventSource,
  });
  await pass(14_999);
  expect(inbox.getState()).toMatchObject({ loading: true, error: null });
  await pass(1);
  expect(inbox.getState()).toMatchObject({ loading: false, error: { code: 'unreachable' } });
  inbox.close();
});

test('a token that never comes is asked for again', async () => {
  const server = new FakeServer();
  let hangs = false;
  const token = () => (hangs ? new Promise<string>(() => {}) : 't');
  const inbox = createInbox({ url: server.url, token, fetch: server.fetch, eventSource: server.EventSource });
  await pass(0);
  fixJitter(0);
  hangs = true;
  server.drop();
  await pass(14_999);
  hangs = false;
  expect(inbox.getState().status).toBe('reconnecting');
  await pass(2);
  expect(inbox.getState().status).toBe('live');
  inbox.close();
});

test('open() tries at once what waits', async () => {
  const { server, inbox } = await live();
  fixJitter(1);
  server.accepts = () => false;
  server.drop();
  await pass(20_000);
  server.accepts = () => true;
  inbox.open();
  await pass(0);
  expect(inbox.getState().status).toBe('live');
  expect(server.streams.size).toBe(1);
  inbox.close();
});

test('close() ends everything, whatever is under way, and open() begins anew', async () => {
  const { server, inbox, statuses } = await live();
  server.drop();
  inbox.close();
  inbox.close();
  await pass(200_000);
  expect(statuses).toEqual(['connecting', 'live', 'closed']);
  expect([server.opened, server.streams.size, jest.getTimerCount()]).toEqual([1, 0, 0]);
  server.notify('while it was closed');
  inbox.open();
  // While the token is under way.
  inbox.close();
  await pass(0);
  expect(server.streams.size).toBe(0);
  inbox.open();
  await pass(0);
  expect(statuses.at(-1)).toBe('live');
  expect(inbox.getState().items.map(({ title }) => title)).toEqual(['while it was closed']);
  inbox.close();
  expect(jest.getTimerCount()).toBe(0);
});
