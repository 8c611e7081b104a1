import { createServer } from 'node:http';
import { controlPolled, unreadCounts } from './polled.js';

// The yardstick of polling: node:http alone.
const counts = unreadCounts();

const server = createServer((request, response) => {
  const user = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('user'));
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ unread: counts.get(user) ?? 0 }));
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => controlPolled(server));
