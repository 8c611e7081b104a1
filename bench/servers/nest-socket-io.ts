import { Module } from '@nestjs/common';
import { type OnGatewayConnection, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server, Socket } from 'socket.io';
import { control } from './control.js';
import { listenWithNest } from './nest-host.js';

// The gateway that a Nest team has today, as Nest's documentation writes it: @nestjs/platform-socket.io, and a room for each user.
let io: Server;

@WebSocketGateway({ transports: ['websocket'] })
class NotificationsGateway implements OnGatewayConnection {
  @WebSocketServer()
  readonly server!: Server;

  afterInit(): void {
    io = this.server;
  }

  async handleConnection(client: Socket): Promise<void> {
    await client.join(`user:${client.handshake.query.user}`);
  }
}

@Module({ providers: [NotificationsGateway] })
class GatewayModule {}

const { port } = await listenWithNest(GatewayModule);
control({
  port,
  protocol: 'socket.io',
  path: '/socket.io/?EIO=4&transport=websocket&user=',
  send: (to, message) => io.to(`user:${to}`).emit('message', message),
  broadcast: (message) => io.emit('message', message),
  connections: () => io.engine.clientsCount,
});
