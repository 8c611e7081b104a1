import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { postgresBroker } from '../../src/notifications/broker/postgres.broker.js';
import { cancelStatement } from '../../src/notifications/inbox/cancel-statement.js';
import { NotificationsDataSource, runNotificationsMigrations } from '../../src/notifications/index.js';
import { RecordingHandler } from '../contract/recording-handler.js';
import { TestKeys } from '../contract/test-keyring.js';
import { useCleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { hearEachOther, NO_SWEEP, startInstances } from '../support/instances.js';
import { startTlsPostgres, type TlsPostgres } from '../support/tls-postgres.js';

type Way = (server: TlsPostgres) => Record<string, unknown>;

const NOWHERE = { host: 'postgres.invalid', port: 1, username: 'nobody', password: 'none', database: 'none' };
const UNVERIFIED = { rejectUnauthorized: false };
const to = ({ host, port, user, password }: TlsPostgres, more = '') =>
  `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/crm${more}`;
const fields = ({ host, port, user: username, password }: TlsPostgres) => ({
  ...{ host, port, username, password, database: 'crm' },
});
/** Connects elsewhere, whatever it is told. */
const tunnel = (port: number) => () => {
  const socket = new Socket();
  const original = socket.connect.bind(socket) as (port: number, host: string) => Socket;
  return Object.assign(socket, { connect: () => original(port, '127.0.0.1') });
};
class OwnClient extends pg.Client {
  constructor(config: pg.ClientConfig) {
    // The pool hides the password from a spread.
    super({ ...config, password: config.password, ssl: UNVERIFIED });
  }
}

/** Options of a host's DataSource that reach the server, of which each says it in another way. */
const WAYS: Record<string, Way> = {
  'fields and ssl': (server) => ({ ...fields(server), ssl: { ca: server.ca } }),
  'url and ssl': (server) => ({ url: to(server), ssl: UNVERIFIED }),
  'ssl in extra': (server) => ({ url: to(server), extra: { ssl: UNVERIFIED } }),
  'ssl at both levels, of which extra counts': (server) => ({
    ...fields(server),
    ssl: { ca: 'none' },
    extra: { ssl: { ca: server.ca } },
  }),
  'sslmode in the url': (server) => ({ url: to(server, '?sslmode=no-verify') }),
  'a file of certificates in the url': (server) => ({
    url: to(server, `?sslmode=verify-full&sslrootcert=${encodeURIComponent(server.caFile)}`),
  }),
  'TLS without asking first': (server) => ({ url: to(server, '?sslmode=no-verify&sslnegotiation=direct') }),
  'url beside fields, of which the url counts': (server) => ({ ...NOWHERE, url: to(server), ssl: UNVERIFIED }),
  'fields in extra': (server) => {
    const { username: user, ...rest } = fields(server);
    return { ...NOWHERE, extra: { ...rest, user, ssl: UNVERIFIED } };
  },
  'connectionString in extra': (server) => ({
    ...NOWHERE,
    url: 'postgres://nobody@postgres.invalid/none',
    extra: { connectionString: to(server, '?sslmode=no-verify') },
  }),
  'extra that takes the url back': (server) => {
    const { username: user, ...rest } = fields(server);
    return {
      url: 'postgres://nobody@postgres.invalid/none',
      extra: { connectionString: undefined, ...rest, user, ssl: UNVERIFIED },
    };
  },
  'a function of the password': (server) => ({
    ...fields(server),
    password: async () => server.password,
    ssl: UNVERIFIED,
  }),
  'a function of the password in extra': (server) => ({
    ...fields(server),
    password: 'none',
    ssl: UNVERIFIED,
    extra: { password: () => server.password },
  }),
  'the master of a replication': (server) => ({
    ...NOWHERE,
    ssl: { ca: 'none' },
    replication: { master: { ...fields(server), ssl: UNVERIFIED }, slaves: [] },
  }),
  'the master of a replication by its url, beside another one': (server) => ({
    url: 'postgres://nobody@postgres.invalid/none',
    replication: { master: { url: to(server, '?sslmode=no-verify') }, slaves: [] },
  }),
  'a tunnel': (server) => ({
    ...fields(server),
    host: NOWHERE.host,
    ssl: UNVERIFIED,
    extra: { stream: tunnel(server.port) },
  }),
  'clients of its own': (server) => ({ ...fields(server), extra: { Client: OwnClient } }),
  'a driver of its own': (server) => ({
    ...fields(server),
    driver: Object.create(pg, {
      Client: { value: OwnClient },
      Pool: {
        value: class extends pg.Pool {
          constructor(config: pg.PoolConfig) {
            super({ ...config, Client: OwnClient } as never);
          }
        },
      },
    }),
  }),
  'what changes the form of answers, startup parameters and times': (server) => ({
    url: to(server, '?sslmode=no-verify&binary=true&client_encoding=latin1&statement_timeout=900&query_timeout=900'),
    connectTimeoutMS: 5_000,
    poolSize: 1,
    applicationName: 'theirs',
    extra: {
      options: '-c search_path=elsewhere -c statement_timeout=900',
      types: { getTypeParser: () => () => 'theirs' },
      lock_timeout: 1,
      keepAlive: false,
      max: 1,
      min: 1,
      maxUses: 3,
    },
  }),
};

describe('All connections reach Postgres as the host does', () => {
  const onEnd = useCleanup();
  let server: TlsPostgres;
  const keys = new TestKeys();

  beforeAll(async () => {
    server = await startTlsPostgres();
    await runNotificationsMigrations({ type: 'postgres', url: to(server), ssl: UNVERIFIED });
  });
  afterAll(() => server.dispose());

  test.each(Object.entries(WAYS))('%s', async (_, way) => {
    await proveThatAllConnect({ type: 'postgres', ...way(server) } as DataSourceOptions);
  });

  test('the environment', async () => {
    const { host, port, user, password } = server;
    const variables = {
      ...{ PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: 'crm' },
      ...{ PGSSLMODE: 'no-verify', PGAPPNAME: 'theirs', PGOPTIONS: '-c search_path=elsewhere' },
    };
    const before = { ...process.env };
    onEnd(() => {
      process.env = before;
    });
    process.env = { ...before, ...variables };
    const own = await proveThatAllConnect({ type: 'postgres' });
    const [row] = await own.query(
      `SELECT current_setting('search_path') AS path, current_setting('application_name') AS name`,
    );
    expect(row).toEqual({ path: 'elsewhere', name: 'theirs notifications' });
  });

  test('a Unix socket', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'ncn-test-socket-'));
    onEnd(() => rm(directory, { recursive: true }));
    const proxy = createServer((client) => {
      const upstream = connect(server.port, '127.0.0.1');
      client.pipe(upstream).pipe(client);
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        one.on('error', () => {}).on('close', () => other.destroy());
      }
    }).listen(join(directory, '.s.PGSQL.7654'));
    await once(proxy, 'listening');
    onEnd(() => proxy.close());
    const field = { ...fields(server), host: directory, port: 7654, ssl: UNVERIFIED };
    await proveThatAllConnect({ type: 'postgres', ...field });
    const url = `postgres://${server.user}:${encodeURIComponent(server.password)}@/crm?host=${directory}&port=7654`;
    await proveThatAllConnect({ type: 'postgres', url, ssl: UNVERIFIED });
  });

  test('from end to end: the instances of a host hear each other', async () => {
    const options = { type: 'postgres', url: to(server), extra: { ssl: UNVERIFIED } } as const;
    const instances = await startInstances({ url: to(server) }, 2, NO_SWEEP, options);
    onEnd(() => Promise.all(instances.map((crm) => crm.close())));
    await hearEachOther(instances);
  });

  test('a URL of the broker keeps the TLS of the DataSource, and may say something else', async () => {
    const own = await open({ type: 'postgres', url: to(server), ssl: UNVERIFIED });
    const elsewhere = `postgres://postgres@${server.host}:${server.port}/crm`;
    expect(await connectBroker(own, elsewhere)).toEqual({ listener: 'postgres', notifier: 'postgres' });
    await expect(connectBroker(own, `${elsewhere}?sslmode=disable`)).rejects.toThrow(/no encryption/);
  });

  /** The host's own pool, ours, a migration, the broker's connections, a cancel request. */
  async function proveThatAllConnect(options: DataSourceOptions): Promise<NotificationsDataSource> {
    const host = await new DataSource(options).initialize();
    await host.destroy();
    await runNotificationsMigrations(options);
    const own = await open(options);
    const text =
      "SELECT current_user AS role, 1 + 1 AS two, current_setting('statement_timeout') AS timeout, '✓' AS sign";
    expect(await own.run({ name: 'who', text })).toEqual([{ role: server.user, two: 2, timeout: '30s', sign: '✓' }]);
    expect(own.channel).toBe('crm.notifications');
    expect(await connectBroker(own)).toEqual({ listener: server.user, notifier: server.user });
    await proveThatItCancels(own);
    return own;
  }

  async function open(options: DataSourceOptions): Promise<NotificationsDataSource> {
    const own = new NotificationsDataSource(options);
    await own.initialize();
    onEnd(() => own.isInitialized && own.destroy());
    return own;
  }

  /** @returns as whom it has connected, over TLS. */
  async function connectBroker(own: NotificationsDataSource, url?: string): Promise<Record<string, string>> {
    const handler = new RecordingHandler();
    const downs: unknown[] = [];
    const keyring = await keys.keyring(own.channel);
    const context = {
      channel: own.channel,
      postgres: own.address,
      keyring,
      onDown: (e: unknown) => void downs.push(e),
    };
    const broker = await postgresBroker({ url })(context);
    try {
      await broker.subscribe(handler);
      await eventually(() => expect(handler.gaps + downs.length).toBeGreaterThan(0));
      if (downs.length > 0) throw downs[0];
      const rows = await server.query<{ what: string; role: string }>(`
        SELECT split_part(application_name, ' ', 2) AS what, usename AS role FROM pg_stat_activity JOIN pg_stat_ssl USING (pid)
        WHERE application_name ~ '^notifications (listener|notifier)$' AND ssl`);
      return Object.fromEntries(rows.map(({ what, role }) => [what, role]));
    } finally {
      await broker.close();
      await keys.close();
    }
  }

  async function proveThatItCancels(own: NotificationsDataSource): Promise<void> {
    const { Client = pg.Client, ...address } = own.address;
    const client = new Client(address) as pg.Client;
    await client.connect();
    try {
      const cancelled = expect(client.query('SELECT pg_sleep(20)')).rejects.toMatchObject({ code: '57014' });
      await eventually(async () => {
        const [row] = await server.query(
          `SELECT state FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(20)' AND state = 'active'`,
        );
        expect(row).toBeDefined();
      });
      const { stream } = address;
      cancelStatement(client as never, typeof stream === 'function' ? (stream as () => Socket) : () => new Socket());
      await cancelled;
    } finally {
      await client.end();
    }
  }
});
