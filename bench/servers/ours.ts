import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { importLibrary, THIS_CHECKOUT } from '../support/library.js';
import { CREATE_INBOXES, recipientOf, TOKEN_SECRET } from '../support/stream-paths.js';
import { control } from './control.js';

// This library, whole: the public module with its guard, stream tokens, hub and Postgres, as a host would have it.
const { values } = parseArgs({
  options: {
    postgres: { type: 'string', default: '' },
    /** The public entry: this checkout's, or that of a commit before. */
    library: { type: 'string', default: THIS_CHECKOUT },
    /** `signal` is live only, as all that the peers send; `notify` stores. */
    send: { type: 'string', default: 'signal' },
    broker: { type: 'string', default: 'in-process' },
    writer: { type: 'string', default: 'socket' },
    direct: { type: 'boolean', default: false },
    /** Pings, sweeps and the broker's probes, which come by themselves, are put off for hours. */
    calm: { type: 'boolean', default: false },
  },
});
const { inProcessBroker, NotificationService, NotificationsModule, postgresBroker } = await importLibrary(
  values.library,
);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RECIPIENT_HEADER = 'x-recipient';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: values.postgres, retryAttempts: 0 }),
    NotificationsModule.forRoot({
      authenticate: ({ headers }) => ({
        recipient: String(headers[RECIPIENT_HEADER]),
        expiresAt: new Date(Date.now() + 8 * HOUR_MS),
      }),
      streamToken: { secret: TOKEN_SECRET },
      streamWriter: values.writer as 'socket' | 'nest',
      directStreamPath: values.direct ? '/notifications/stream' : null,
      broker:
        values.broker === 'postgres' ? postgresBroker(values.calm ? { heartbeatMs: HOUR_MS } : {}) : inProcessBroker(),
      // The first ping of a stream comes at any time within a heartbeat.
      ...(values.calm ? { heartbeatMs: HOUR_MS, sweepMs: DAY_MS } : {}),
    }),
  ],
})
class CrmModule {}

Logger.overrideLogger(['warn', 'error', 'fatal']);
const app = await NestFactory.create(CrmModule);
const notifications = app.get(NotificationService);
const notification = (message: object) => ({ type: 'deal.assigned', title: 'A deal is yours now', data: message });

await app.init();
await app.get(DataSource).query(CREATE_INBOXES);
const server = app.getHttpServer();
await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
const { port } = server.address() as AddressInfo;

control({
  port,
  protocol: 'sse',
  liveMark: 'event: ready',
  send: (to, message) =>
    values.send === 'signal'
      ? notifications.signal(recipientOf(to), 'deal.assigned', message)
      : notifications.notify(recipientOf(to), notification(message)),
  sendToMany: (to, message) => notifications.notify(to.map(recipientOf), notification(message)),
  broadcast: (message) =>
    values.send === 'signal'
      ? notifications.signalAll('deal.assigned', message)
      : notifications.broadcast(notification(message)),
  connections: () => notifications.connections(),
});
