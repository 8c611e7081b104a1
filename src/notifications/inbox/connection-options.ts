import type { DataSourceOptions } from 'typeorm';
import type { PostgresAddress } from '../broker/broker.js';

export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/**
 * How long a statement waits for a lock, such as that of an inbox row. Those who wait longer are told apart from those
 * who needn't, and try again.
 */
export const LOCK_TIMEOUT_MS = 500;

// The session settings that every guarantee relies on, whatever the host's or the server's defaults are.
const SESSION = {
  default_transaction_isolation: 'read\\ committed',
  synchronous_commit: 'on',
  idle_in_transaction_session_timeout: '5s',
  statement_timeout: '30s',
  lock_timeout: String(LOCK_TIMEOUT_MS),
};

/** What of the session a host may have set for its own pool, in the URL or in `extra`: there it would win over ours. */
const SESSION_OF_HOST = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'query_timeout',
  'application_name',
];

/** What leads to the host's database, and nothing of what the host does there. */
export function connectionOf(host: PostgresOptions, poolSize: number): PostgresOptions {
  const master = host.replication?.master ?? host;
  const { host: hostname, port, username, password, database, ssl, applicationName } = { ...host, ...master };
  const { url, options } = withoutSession(master.url ?? host.url);
  const extra = { ...host.extra } as Record<string, unknown> & { options?: string };
  for (const name of SESSION_OF_HOST) delete extra[name];
  const session = Object.entries(SESSION).map(([name, value]) => `-c ${name}=${value}`);
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
      options: [extra.options, options, ...session].filter(Boolean).join(' '),
      keepAlive: true,
      // A server that has vanished without a word would hold the statement, and its caller, for ever.
      query_timeout: 40_000,
    },
  };
}

/** How `pg` reaches the database of these options. */
export function addressOf(options: PostgresOptions): PostgresAddress {
  const { url, host, port, username, password, database, ssl } = options;
  return given({ connectionString: url, host, port, user: username, password, database, ssl }) as PostgresAddress;
}

/** By hand, because the URL of a Unix socket has no host, and `URL` refuses it. */
function withoutSession(given: string | undefined): { url?: string; options?: string | null } {
  const start = given?.lastIndexOf('?') ?? -1;
  if (given === undefined || start === -1) return { url: given };
  const query = new URLSearchParams(given.slice(start));
  const options = query.get('options');
  for (const name of ['options', ...SESSION_OF_HOST]) query.delete(name);
  return { url: `${given.slice(0, start)}${query.size > 0 ? `?${query}` : ''}`, options };
}

function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
