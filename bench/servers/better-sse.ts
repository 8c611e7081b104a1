import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChannel, createSession, type Session } from 'better-sse';
import { control } from './control.js';

// better-sse as its guides have it: a session for each connection, found in a map, and one channel for what goes to all;
// its defaults, which are a comment every 10 s and a reconnection time of 2 s. It never looks at what `write()` returns.
const sessions = new Map<number, Session>();
const everybody = createChannel();
let lastId = 0;

const server = createServer(async (request, response) => {
  const user = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('user'));
  const session = await createSession(request, response);
  if (!session.isConnected) return;
  sessions.set(user, session);
  everybody.register(session);
  session.once('disconnected', () => {
    if (sessions.get(user) === session) sessions.delete(user);
  });
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  control({
    port: (server.address() as AddressInfo).port,
    protocol: 'sse',
    send: (to, message) => sessions.get(to)?.push(message, 'message', String(++lastId)),
    broadcast: (message) => everybody.broadcast(message, 'message', { eventId: String(++lastId) }),
    connections: () => everybody.sessionCount,
  }),
);
