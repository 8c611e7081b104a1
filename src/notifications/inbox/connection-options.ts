import pg from 'pg';
import type { DataSourceOptions } from 'typeorm';
import type { SocketFactory } from '../abortable-sockets.js';
import type { PostgresAddress } from '../broker/broker.js';
import { OWN_CONFIG, prepareSession, SESSION_OF_HOST, type SessionClient, withSession } from '../postgres-session.js';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** What TypeORM gives to a `pg.Pool`. */
type PoolConfig = PostgresAddress & Record<string, unknown>;

/** `pg`, or what a host gives TypeORM in its place. */
interface PgDriver {
  Pool: new (config: PoolConfig) => object;
  Client?: PostgresAddress['Client'];
  native?: PgDriver | null;
}

/**
 * Our connections to the host's database: the pool, and beside it those of the broker. TypeORM merges what leads there for our
 * pool as it does for the host's, so that nobody else decides which of two descriptions counts; the others take what the pool
 * took.
 */
export class OwnConnections {
  private poolConfig?: PoolConfig;

  /** @param socketsOf makes the sockets of the pool, as the host makes its own. */
  constructor(
    private readonly poolSize: number,
    private readonly socketsOf: (stream: unknown) => SocketFactory,
  ) {}

  /** The options of a DataSource: what leads to the host's database, with replication its master, and no more of the host. */
  optionsFor(host: PostgresOptions): PostgresOptions {
    const { url, host: hostname, port, username, password, database, ssl, applicationName, replication } = host;
    const { connectTimeoutMS, extra, nativeDriver, logging, logger, driver = pg } = host;
    return {
      type: 'postgres',
      ...given({ url, host: hostname, port, username, password, database, ssl, applicationName }),
      ...given({ connectTimeoutMS, extra, nativeDriver, logging, logger }),
      ...(replication && { replication: { ...replication, slaves: [] } }),
      driver: withPools(driver, (config) => this.configure(config, driver)),
    };
  }

  /** How `pg` reaches the database, for a connection that is no part of the pool. Known once that is there. */
  get address(): PostgresAddress {
    if (!this.poolConfig) throw new Error('The DataSource of the notifications has not been initialized');
    return this.poolConfig;
  }

  private configure(theirs: PoolConfig, { Client }: PgDriver): PoolConfig {
    const config = ownConfig(theirs);
    this.poolConfig = { Client, ...config };
    return {
      ...config,
      max: this.poolSize,
      stream: this.socketsOf(config.stream),
      // pg-pool's hook for a new connection, before it is handed out.
      verify: (client: SessionClient, done: (error?: Error) => void) =>
        void prepareSession(client).then(() => done(), done),
    };
  }
}

/** The config of the host's pool, with our session in place of the host's. */
function ownConfig(theirs: PoolConfig): PoolConfig {
  const config: PoolConfig = { ...theirs };
  for (const name of SESSION_OF_HOST) delete config[name];
  const { connectionString, options, applicationName } = withSession(theirs);
  return {
    ...config,
    ...OWN_CONFIG,
    connectionString,
    options,
    application_name: `${applicationName || 'crm'} notifications`,
    connectionTimeoutMillis: theirs.connectionTimeoutMillis ?? 10_000,
    keepAlive: true,
  };
}

/** The driver with pools that take what `configure` makes of their config. */
function withPools(driver: PgDriver, configure: (config: PoolConfig) => PoolConfig): PgDriver {
  return Object.create(driver, {
    Pool: {
      value: new Proxy(driver.Pool, {
        construct: (Pool, [config]: [PoolConfig]) => new Pool(configure(config)),
      }),
    },
    // A getter, because asking `pg` for it loads `pg-native`.
    native: { get: () => driver.native && withPools(driver.native, configure) },
  });
}

function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
