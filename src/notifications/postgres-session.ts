/**
 * How long a statement waits for a lock, such as that of an inbox row. Calls that wait longer are told apart from those that
 * needn't, and try again.
 */
const LOCK_TIMEOUT = '500ms';

/**
 * The session settings that every guarantee relies on, whatever the role, the database, the server or the host's own pool
 * sets. A timeout that is not ours ends a connection that waits, such as the listener, or a statement that may take longer.
 */
const ALWAYS = {
  default_transaction_isolation: 'read committed',
  synchronous_commit: 'on',
  idle_in_transaction_session_timeout: '5s',
  statement_timeout: '30s',
  lock_timeout: LOCK_TIMEOUT,
  // Compiling takes longer than any statement of ours: half a second for a page of a list.
  jit: 'off',
  // What changes how a statement is read, what it returns, or whether it may write.
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  default_transaction_read_only: 'off',
  row_security: 'on',
  // Errors that we expect, such as that of a lock, would end the session.
  exit_on_error: 'off',
};

/** Settings of newer servers: from Postgres 14 and 17 on. An older server ends a connection that names them at its start. */
const WHERE_KNOWN = {
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/**
 * The settings as the startup parameter `options`: they hold from the first statement on, and win over those of role,
 * database and server.
 */
const STARTUP = Object.entries(ALWAYS)
  .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
  .join(' ');

/**
 * All of them, once connected. Those of the start again, because PgBouncer drops that parameter, and the broker's connections
 * do without it. `current_setting(…, true)` is null for a setting that the server does not know.
 */
const SET_ALL = `
  SELECT pg_catalog.set_config(name, value, false) FROM (VALUES ${Object.entries({ ...ALWAYS, ...WHERE_KNOWN })
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) s(name, value)
  WHERE pg_catalog.current_setting(name, true) IS NOT NULL`;
/** A server that goes silent right after it has accepted the connection. */
const SET_TIMEOUT_MS = 10_000;

/** By their OIDs, the types that our statements return and that are not read as text. */
const PARSERS: Record<number, (text: string) => unknown> = {
  16: (text) => text === 't', // bool
  21: Number, // int2
  23: Number, // int4
  26: Number, // oid
  114: (text) => JSON.parse(text), // json
  700: Number, // float4
  701: Number, // float8
  1016: (text) => (text === '{}' ? [] : text.slice(1, -1).split(',').map(nullOrText)), // int8[]
  3802: (text) => JSON.parse(text), // jsonb
};

/**
 * What the config of each of our connections says. What it leaves out, `pg` takes from `pg.defaults` and `pg.types`, which a
 * host may have changed for its whole process.
 */
export const OWN_CONFIG = {
  // int8, too, is text: it has numbers that JavaScript has not.
  types: { getTypeParser: (oid: number) => PARSERS[oid] ?? String },
  client_encoding: 'utf8',
  // A server that has vanished without a word would hold the statement, and its caller, for ever.
  query_timeout: 40_000,
};

/**
 * What a host may have set for its own connections, in the URL or beside it. In place of ours it would end statements, or
 * bring answers in another form.
 */
export const SESSION_OF_HOST = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'query_timeout',
  'application_name',
  'client_encoding',
  'replication',
  'verify',
  'onConnect',
  'types',
  'binary',
  'pipeline',
];

/**
 * The address with our settings as its startup parameter `options`. Options of the host's that are about something else
 * stay; as `pg` has it, those in the URL win over those beside it, and both over the environment's.
 *
 * @param given how the host connects.
 */
export function withSession(given: { connectionString?: string; options?: string; application_name?: string }): {
  connectionString?: string;
  options: string;
  applicationName?: string;
} {
  const { connectionString: url } = given;
  // By hand, because the URL of a Unix socket has no host, and `URL` refuses it.
  const start = url?.lastIndexOf('?') ?? -1;
  const query = new URLSearchParams(url === undefined || start === -1 ? '' : url.slice(start));
  const options = query.get('options') || given.options || process.env.PGOPTIONS;
  // Ours is another name anyway: the one of the options says more than the one of a URL, which several may share.
  const applicationName = given.application_name || query.get('application_name') || process.env.PGAPPNAME;
  for (const name of ['options', ...SESSION_OF_HOST]) query.delete(name);
  const rest = query.size > 0 ? `?${query}` : '';
  return {
    connectionString: url === undefined || start === -1 ? url : `${url.slice(0, start)}${rest}`,
    options: [options, STARTUP].filter(Boolean).join(' '),
    applicationName,
  };
}

/** What a session needs of a `pg` client: a pool of the host's own driver has clients of another class. */
export interface SessionClient {
  binary?: boolean;
  query(config: { text: string; query_timeout: number }): Promise<unknown>;
  listeners(event: 'error'): unknown[];
  on(event: 'error', listener: () => void): unknown;
}

/**
 * Makes our settings hold on a new connection. Call it before the first statement, on every connection of ours: the pool,
 * the listener and the notifier of the broker.
 */
export async function prepareSession(client: SessionClient): Promise<void> {
  surviveErrors(client);
  // Here, because pg takes `false` in a config for nothing, and `pg.defaults.binary` in its place.
  client.binary = false;
  await client.query({ text: SET_ALL, query_timeout: SET_TIMEOUT_MS });
}

/**
 * An EventEmitter without a listener for `error` ends the process, and a backend may be terminated at any moment. The error
 * itself comes again with the next statement.
 */
export function surviveErrors(client: Pick<SessionClient, 'listeners' | 'on'>): void {
  if (!client.listeners('error').includes(ignore)) client.on('error', ignore);
}

function nullOrText(element: string): string | null {
  return element === 'NULL' ? null : element;
}

function ignore(): void {}
