import type { AddressInfo } from 'node:net';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { callAgainAndAgain, callAtRate } from './callers.js';
import { dealNotification } from './deal-notification.js';
import { type InboxCall, inboxCall } from './inbox-calls.js';
import { monotonicMs, RECIPIENT_HEADER } from './instance-protocol.js';
import { importLibrary } from './library.js';
import { serve, workerOptions } from './worker.js';

export interface CrmOptions {
  postgresUrl: string;
  broker: 'in-process' | 'postgres';
  /** The URL of the public entry: this checkout's, or that of a commit before. */
  library: string;
}

// A CRM with our notifications, through the public module.
const options = workerOptions<CrmOptions>();
const { inProcessBroker, NotificationService, NotificationsModule, postgresBroker } = await importLibrary(
  options.library,
);

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: options.postgresUrl, retryAttempts: 0 }),
    NotificationsModule.forRoot({
      authenticate: ({ headers }) => ({ recipient: String(headers[RECIPIENT_HEADER]) }),
      streamToken: { secret: 'a secret of the measurement' },
      broker: options.broker === 'postgres' ? postgresBroker() : inProcessBroker(),
    }),
  ],
})
class CrmModule {}

Logger.overrideLogger(['warn', 'error', 'fatal']);
const app = await NestFactory.create(CrmModule);
const notifications = app.get(NotificationService);
await app.listen(0, '127.0.0.1');

/** Recipients one after the other, around all of them. */
function recipientsOf(call: number, each: number, recipients: number): string[] {
  return Array.from({ length: each }, (_, i) => `user ${(call * each + i) % recipients}`);
}

const tasks = {
  listening: async () => (app.getHttpServer().address() as AddressInfo).port,

  /** Notifications as fast as they go, to `each` recipients a call. */
  notify: async (load: { callers: number; seconds: number; each: number; recipients: number }) =>
    await callAgainAndAgain(load, (n) =>
      notifications.notify(recipientsOf(n, load.each, load.recipients), dealNotification(n)),
    ),

  /** Notifications at a steady rate, to one recipient each. @returns how many milliseconds each `notify()` took. */
  notifyAtRate: async (load: { perSecond: number; seconds: number; recipients: number }) =>
    await callAtRate(load, (n) =>
      notifications.notify(`user ${n % load.recipients}`, dealNotification(n, monotonicMs())),
    ),

  /** One message to all. @returns when it was called. */
  notifyAll: async ({ recipients }: { recipients: number }) => {
    const to = recipientsOf(0, recipients, recipients);
    const calledAt = monotonicMs();
    await notifications.notify(to, dealNotification(1));
    return calledAt;
  },

  /** One call of the inbox after the other, `times`; then as fast as so many callers go. */
  inbox: async (load: InboxCall & { times: number; callers: number; seconds: number }) => {
    const call = inboxCall(notifications, load);
    const took: number[] = [];
    for (let n = 0; n < load.times; n++) {
      const calledAt = performance.now();
      await call(n);
      took.push(performance.now() - calledAt);
    }
    const work = await callAgainAndAgain(load, (n) => call(load.times + n));
    return { took, work };
  },
};

export type CrmTasks = typeof tasks;

serve(tasks);
