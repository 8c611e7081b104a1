import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  type BrokerFactory,
  inProcessBroker,
  NotificationService,
  NotificationsModule,
  postgresBroker,
} from '../../src/notifications/index.js';
import { natsBroker } from '../../src/notifications/nats.js';
import { redisBroker } from '../../src/notifications/redis.js';
import { type Answer, type InstanceOptions, monotonicMs, RECIPIENT_HEADER, type Request } from './instance-protocol.js';

// One instance of a host application, as a process of its own.
const options: InstanceOptions = JSON.parse(process.argv[2] ?? '');
const FACTORIES: Record<InstanceOptions['broker'], () => BrokerFactory> = {
  'in-process': () => inProcessBroker(),
  postgres: () => postgresBroker(),
  redis: () => redisBroker({ url: options.brokerUrl }),
  nats: () => natsBroker({ servers: options.brokerUrl }),
};

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: options.postgresUrl, retryAttempts: 0 }),
    NotificationsModule.forRoot({
      authenticate: ({ headers }) => ({ recipient: String(headers[RECIPIENT_HEADER]) }),
      streamToken: { secret: 'a secret of the measurement' },
      broker: FACTORIES[options.broker](),
    }),
  ],
})
class CrmModule {}

Logger.overrideLogger(['warn', 'error', 'fatal']);
const app = await NestFactory.create(CrmModule);
const notifications = app.get(NotificationService);
const answer = (message: Answer) => process.send?.(message);

/** @returns how long `notify()` took. */
async function notify(recipient: number): Promise<number> {
  const sentAt = monotonicMs();
  await notifications.notify(`user ${recipient}`, { type: 'bench', title: 'A deal is yours now', data: { sentAt } });
  return monotonicMs() - sentAt;
}

async function send({ notifications: count, recipients, perSecond }: Extract<Request, { do: 'send' }>) {
  const began = monotonicMs();
  const under: Promise<number>[] = [];
  for (let i = 0; i < count; i++) {
    await sleep(Math.max(0, began + (i * 1_000) / perSecond - monotonicMs()));
    under.push(notify(i % recipients));
  }
  return await Promise.all(under);
}

async function burst({ notifications: count, recipients, underWay }: Extract<Request, { do: 'burst' }>) {
  let next = 0;
  const sent: number[] = [];
  const sender = async () => {
    while (next < count) sent.push(await notify(next++ % recipients));
  };
  await Promise.all(Array.from({ length: underWay }, sender));
  return sent;
}

process.on('message', async (request: Request) => {
  if (request.do === 'send') answer({ sent: await send(request) });
  else if (request.do === 'burst') answer({ sent: await burst(request) });
  else {
    const { user, system } = process.cpuUsage();
    answer({ cpuMs: (user + system) / 1_000 });
  }
});
// Whoever started us is gone.
process.once('disconnect', () => process.exit(0));

await app.listen(0, '127.0.0.1');
answer({ listening: (app.getHttpServer().address() as AddressInfo).port });
