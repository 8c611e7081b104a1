import { NotificationsModule } from 'nestjs-crm-notifications';
import { natsBroker } from 'nestjs-crm-notifications/nats';
import { redisBroker } from 'nestjs-crm-notifications/redis';

// Compiled alone, and not run: redis and nats have types that compile only with `skipLibCheck`.
const brokers = [
  redisBroker({ url: 'redis://localhost:6379', client: { socket: { connectTimeout: 1_000 } } }),
  natsBroker({ servers: ['nats://localhost:4222'], client: { name: 'crm' } }),
];
export const modules = brokers.map((broker) => NotificationsModule.forRoot({ jwt: { secret: 'secret' }, broker }));

// @ts-expect-error: a URL is a string
redisBroker({ url: 6379 });
// @ts-expect-error: it is `servers`
natsBroker({ server: 'nats://localhost:4222' });
