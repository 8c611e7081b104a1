import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { control } from './control.js';

// ws alone: a map from user to WebSocket, no compression, no heartbeat, no limit.
const clients = new Map<number, WebSocket>();
const server = createServer();
const webSockets = new WebSocketServer({ server, path: '/stream', perMessageDeflate: false, clientTracking: false });

webSockets.on('connection', (client, request) => {
  const user = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('user'));
  clients.set(user, client);
  client.on('error', () => {});
  client.on('close', () => {
    if (clients.get(user) === client) clients.delete(user);
  });
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  control({
    port: (server.address() as AddressInfo).port,
    protocol: 'websocket',
    send: (to, message) => clients.get(to)?.send(JSON.stringify(message)),
    broadcast: (message) => {
      // The payload is shared; ws writes a header of its own before it for each client.
      const payload = Buffer.from(JSON.stringify(message));
      for (const client of clients.values()) client.send(payload, { binary: false });
    },
    connections: () => clients.size,
  }),
);
