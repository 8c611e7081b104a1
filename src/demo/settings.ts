import { type BrokerFactory, inProcessBroker, postgresBroker } from '../notifications/index.js';
import { natsBroker } from '../notifications/nats.js';
import { redisBroker } from '../notifications/redis.js';
import { StartError } from './start-error.js';

/** What the environment says beside where Postgres is. */
export interface Settings {
  /** PORT. @default 3000 */
  port: number;
  /** BROKER: what wakes the other instances; REDIS_URL and NATS_URL say where it is. @default postgres */
  broker: BrokerFactory;
}

const BROKERS: Record<string, (environment: NodeJS.ProcessEnv) => BrokerFactory> = {
  postgres: () => postgresBroker(),
  redis: ({ REDIS_URL }) => redisBroker({ url: REDIS_URL }),
  nats: ({ NATS_URL }) => natsBroker({ servers: NATS_URL }),
  'in-process': () => inProcessBroker(),
};

/** @throws {StartError} on a value that means nothing. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const { PORT, BROKER } = environment;
  const port = PORT || '3000';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new StartError(`PORT must be a number from 0 to 65535 (0: any free port), not ${JSON.stringify(port)}.`);
  }
  const name = BROKER || 'postgres';
  const broker = Object.hasOwn(BROKERS, name) ? BROKERS[name]?.(environment) : undefined;
  if (!broker) {
    throw new StartError(`BROKER must be one of ${Object.keys(BROKERS).join(', ')}, not ${JSON.stringify(name)}.`);
  }
  return { port: Number(port), broker };
}
