import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { control } from './control.js';

// socket.io alone: a room for each user.
const server = createServer();
const io = new Server(server, { transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  socket.join(`user:${socket.handshake.query.user}`);
  // https://socket.io/docs/v4/memory-usage/ recommends it: nothing needs the request any more.
  Object.assign(socket.conn, { request: null });
});

server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
  control({
    port: (server.address() as AddressInfo).port,
    protocol: 'socket.io',
    path: '/socket.io/?EIO=4&transport=websocket&user=',
    send: (to, message) => io.to(`user:${to}`).emit('message', message),
    broadcast: (message) => io.emit('message', message),
    connections: () => io.engine.clientsCount,
  }),
);
