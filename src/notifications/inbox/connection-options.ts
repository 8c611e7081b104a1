import type { Socket } from 'node:net';
import type { DataSourceOptions } from 'typeorm';
import type { PostgresAddress } from '../broker/broker.js';
import { prepareSession, SESSION_OF_HOST, type SessionClient, withSession } from '../postgres-session.js';

export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/**
 * What leads to the host's database, and nothing of what the host does there.
 *
 * @param stream makes the sockets.
 */
export function connectionOf(host: PostgresOptions, poolSize: number, stream: () => Socket): PostgresOptions {
  const master = host.replication?.master ?? host;
  const { host: hostname, port, username, password, database, ssl, applicationName } = { ...host, ...master };
  const extra = { ...host.extra } as Record<string, unknown> & { options?: string };
  for (const name of SESSION_OF_HOST) delete extra[name];
  const { url, options } = withSession(master.url ?? host.url, extra.options);
  return {
    type: 'postgres',
    ...given({ url, host: hostname, port, username, password, database, ssl }),
    ...given({ driver: host.driver, nativeDriver: host.nativeDriver, logging: host.logging, logger: host.logger }),
    applicationName: `${applicationName ?? 'crm'} notifications`,
    poolSize,
    connectTimeoutMS: host.connectTimeoutMS ?? 10_000,
    extra: {
      ...extra,
      max: poolSize,
      options,
      keepAlive: true,
      stream,
      // A server that has vanished without a word would hold the statement, and its caller, for ever.
      query_timeout: 40_000,
      // pg-pool's hook for a new connection, before it is handed out.
      verify: (client: SessionClient, done: (error?: Error) => void) =>
        void prepareSession(client).then(() => done(), done),
    },
  };
}

/** How `pg` reaches the database of these options. */
export function addressOf(options: PostgresOptions): PostgresAddress {
  const { url, host, port, username, password, database, ssl } = options;
  return given({ connectionString: url, host, port, user: username, password, database, ssl }) as PostgresAddress;
}

function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
