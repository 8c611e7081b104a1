import { createHash } from 'node:crypto';
import pg from 'pg';
import type { BrokerContext, BrokerFactory } from '../../src/notifications/broker/broker.js';
import { inProcessBroker } from '../../src/notifications/broker/in-process.broker.js';
import { natsBroker } from '../../src/notifications/broker/nats.broker.js';
import { postgresBroker } from '../../src/notifications/broker/postgres.broker.js';
import { redisBroker } from '../../src/notifications/broker/redis.broker.js';
import type { TransportBrokerOptions } from '../../src/notifications/broker/transport.broker.js';
import { startNatsServer } from '../support/nats-server.js';
import { startPrivatePostgres } from '../support/postgres-server.js';
import { startRedisServer } from '../support/redis-server.js';
import { type FoundService, findService, type ServiceName } from '../support/services.js';

/** The server that a broker needs. */
export interface BrokerServer {
  readonly port: number;
  /** Its URL with another port: of something in front of it, or of nothing. */
  urlAt(port: number): string;
  /** Missing for a server that is not ours. */
  restart?: { stop(): Promise<void>; start(): Promise<void> };
  /** A factory of brokers. @param port of something in front of the server. @default the server's own */
  factory(options: TransportBrokerOptions & { prefix?: string }, port?: number): BrokerFactory;
  postgres: BrokerContext['postgres'];
  /** Sends texts to the brokers of a channel, past any broker. */
  sendRaw(channel: string, ...texts: string[]): Promise<void>;
  dispose(): Promise<void>;
}

/** What the contract suite needs to know of a broker. */
export interface BrokerKit {
  readonly name: string;
  /** What it needs beyond npm. */
  readonly service?: ServiceName;
  readonly found: FoundService;
  /** Missing for a broker without a server. */
  startServer?(): Promise<BrokerServer>;
}

const [redis, nats] = await Promise.all([findService('redis'), findService('nats')]);

export const BROKER_KITS: BrokerKit[] = [
  { name: 'inProcessBroker', found: {} },
  { name: 'postgresBroker', found: {}, startServer: startPostgres },
  { name: 'redisBroker', service: 'redis', found: redis, startServer: () => startRedis(redis) },
  { name: 'natsBroker', service: 'nats', found: nats, startServer: () => startNats(nats) },
];

/** All brokers of an in-process factory are of one process: there is no server in between. */
export function withoutServer(): BrokerServer {
  const factory = inProcessBroker();
  return {
    port: 0,
    urlAt: () => '',
    factory: () => factory,
    postgres: {},
    sendRaw: async () => {},
    dispose: async () => {},
  };
}

async function startPostgres(): Promise<BrokerServer> {
  const server = await startPrivatePostgres();
  return {
    port: server.port,
    urlAt: (port) => at(server.url, port),
    restart: { stop: () => server.stop('immediate'), start: () => server.start() },
    factory: ({ prefix: _, ...options }, port) =>
      postgresBroker({ ...options, ...(port && { url: at(server.url, port) }) }),
    postgres: { connectionString: server.url },
    sendRaw: async (channel, ...texts) => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      const name = `crm_notifications_${createHash('sha256').update(channel).digest('hex').slice(0, 32)}`;
      for (const text of texts) await client.query('SELECT pg_notify($1, $2)', [name, text]);
      await client.end();
    },
    dispose: () => server.dispose(),
  };
}

async function startRedis({ binary, url: shared }: FoundService): Promise<BrokerServer> {
  const own = binary === undefined ? undefined : await startRedisServer(binary);
  const url = own ? `redis://127.0.0.1:${own.port}` : (shared as string);
  return {
    port: portOf(url),
    urlAt: (port) => at(url, port),
    restart: own,
    factory: (options, port) => redisBroker({ ...options, url: port ? at(url, port) : url }),
    postgres: {},
    sendRaw: async (channel, ...texts) => {
      const { createClient } = await import('redis');
      const client = await createClient({ url }).connect();
      for (const text of texts) await client.publish(`crm-notifications:${channel}`, text);
      await client.close();
    },
    dispose: async () => await own?.stop(),
  };
}

async function startNats({ binary, url: shared }: FoundService): Promise<BrokerServer> {
  const own = binary === undefined ? undefined : await startNatsServer(binary);
  const url = own ? `nats://127.0.0.1:${own.port}` : (shared as string);
  return {
    port: portOf(url),
    urlAt: (port) => at(url, port),
    restart: own,
    factory: (options, port) => natsBroker({ ...options, servers: port ? at(url, port) : url }),
    postgres: {},
    sendRaw: async (channel, ...texts) => {
      const { connect } = await import('@nats-io/transport-node');
      const connection = await connect({ servers: url });
      const subject = `crm-notifications.${Buffer.from(channel).toString('base64url')}`;
      for (const text of texts) connection.publish(subject, text);
      await connection.drain();
    },
    dispose: async () => await own?.stop(),
  };
}

function at(url: string, port: number): string {
  const moved = new URL(url);
  moved.host = `127.0.0.1:${port}`;
  return moved.href;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
