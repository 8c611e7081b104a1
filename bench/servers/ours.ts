import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  inProcessBroker,
  NotificationService,
  NotificationsModule,
  postgresBroker,
} from '../../src/notifications/index.js';
import { control } from './control.js';

// This library, whole: the public module with its guard, stream tokens, hub and Postgres, as a host would have it.
const { values } = parseArgs({
  options: {
    postgres: { type: 'string', default: '' },
    /** `signal` is live only, as all that the peers send; `notify` stores. */
    send: { type: 'string', default: 'signal' },
    broker: { type: 'string', default: 'in-process' },
  },
});
const HOUR_MS = 3_600_000;
const RECIPIENT_HEADER = 'x-recipient';

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: values.postgres, retryAttempts: 0 }),
    NotificationsModule.forRoot({
      authenticate: ({ headers }) => ({
        recipient: String(headers[RECIPIENT_HEADER]),
        expiresAt: new Date(Date.now() + 8 * HOUR_MS),
      }),
      streamToken: { secret: 'a secret of the measurement', ttlMs: HOUR_MS },
      broker: values.broker === 'postgres' ? postgresBroker() : inProcessBroker(),
    }),
  ],
})
class CrmModule {}

Logger.overrideLogger(['warn', 'error', 'fatal']);
const app = await NestFactory.create(CrmModule);
const notifications = app.get(NotificationService);
const recipientOf = (user: number) => `user-${user}`;
const notification = (message: object) => ({ type: 'deal.assigned', title: 'A deal is yours now', data: message });

await app.init();
const server = app.getHttpServer();
await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
const { port } = server.address() as AddressInfo;

/** As a browser does it: a token for each stream. */
async function pathOf(user: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/notifications/stream-token`, {
    method: 'POST',
    headers: { [RECIPIENT_HEADER]: recipientOf(user) },
  });
  const { token } = (await response.json()) as { token: string };
  return `/notifications/stream?token=${token}`;
}

control({
  port,
  protocol: 'sse',
  liveMark: 'event: ready',
  send: (to, message) =>
    values.send === 'signal'
      ? notifications.signal(recipientOf(to), 'deal.assigned', message)
      : notifications.notify(recipientOf(to), notification(message)),
  broadcast: (message) =>
    values.send === 'signal'
      ? notifications.signalAll('deal.assigned', message)
      : notifications.broadcast(notification(message)),
  connections: () => notifications.connections(),
  paths: async (recipients) => {
    const paths: string[] = [];
    for (let user = 0; user < recipients; user += 50) {
      const some = Array.from({ length: Math.min(50, recipients - user) }, (_, i) => pathOf(user + i));
      paths.push(...(await Promise.all(some)));
    }
    return paths;
  },
});
