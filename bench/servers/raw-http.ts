import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { control } from './control.js';
import type { Message } from './protocol.js';

// The yardstick: node:http alone, a map from user to response, one buffer for all. No guard, no limit, nothing stored.
const responses = new Map<number, ServerResponse>();
let lastId = 0;

function frame(message: Message): Buffer {
  return Buffer.from(`id: ${++lastId}\ndata: ${JSON.stringify(message)}\n\n`);
}

const server = createServer((request, response) => {
  const user = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('user'));
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.write('\n');
  responses.set(user, response);
  response.on('close', () => responses.delete(user));
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  control({
    port: (server.address() as AddressInfo).port,
    protocol: 'sse',
    send: (to, message) => responses.get(to)?.write(frame(message)),
    broadcast: (message) => {
      const buffer = frame(message);
      for (const response of responses.values()) response.write(buffer);
    },
    connections: () => responses.size,
  }),
);
