import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { createTestDatabase } from '../support/database.js';
import { hearEachOther, NO_SWEEP, startInstances } from '../support/instances.js';
import { startPrivatePostgres } from '../support/postgres-server.js';

const SHORT = '400ms';
/** Every timeout that ends a session or a statement, and the version of Postgres that brought it. */
const TIMEOUTS = {
  statement_timeout: 13,
  lock_timeout: 13,
  idle_in_transaction_session_timeout: 13,
  idle_session_timeout: 14,
  transaction_timeout: 17,
};
const MIGRATION_LOCK = "hashtextextended(current_database() || '.notifications.nestjs-crm-notifications.migrate', 0)";

/** Where a timeout can be set: the statement for one of them. */
const LEVELS: [name: string, set: (timeout: string) => string][] = [
  ['the database', (timeout) => `ALTER DATABASE postgres SET ${timeout} = '${SHORT}'`],
  ['the role', (timeout) => `ALTER ROLE CURRENT_USER SET ${timeout} = '${SHORT}'`],
  ['the role in the database', (timeout) => `ALTER ROLE CURRENT_USER IN DATABASE postgres SET ${timeout} = '${SHORT}'`],
  ['the server', (timeout) => `ALTER SYSTEM SET ${timeout} = '${SHORT}'`],
];

describe('Timeouts of somebody else end no session and no statement of ours', () => {
  const onEnd = useCleanup();

  test.each(LEVELS)('set for %s', async (_, set) => {
    const server = await startPrivatePostgres();
    onEnd(() => server.dispose());
    await proveThatNoneIsOurs(server.url, set);
  });

  // On the server of the run, which may be an older one: DATABASE_URL.
  test('whatever the version of Postgres', async () => {
    const database = await createTestDatabase();
    onEnd(() => database.drop());
    await proveThatNoneIsOurs(database.url, (timeout) => `ALTER DATABASE ${database.name} SET ${timeout} = '${SHORT}'`);
  });

  async function proveThatNoneIsOurs(url: string, set: (timeout: string) => string): Promise<void> {
    // Its own settings are as they were when it connected.
    const admin = await connectTo(url);
    const [{ version } = { version: 0 }] = (
      await admin.query<{ version: number }>("SELECT current_setting('server_version_num')::int / 10000 AS version")
    ).rows;
    for (const [timeout, since] of Object.entries(TIMEOUTS)) if (version >= since) await admin.query(set(timeout));
    await admin.query('SELECT pg_reload_conf()');
    for (const timeout of Object.keys(TIMEOUTS)) {
      if (version >= TIMEOUTS[timeout as 'lock_timeout']) await admin.query(`SET ${timeout} = 0`);
    }

    /** Waits for as long as the timeouts are: until each has ended a session or a statement of somebody else. */
    const outlast = async () => {
      const idle = await connectTo(url);
      const ended = version >= 14 ? new Promise((resolve) => idle.once('end', () => resolve(undefined))) : undefined;
      const busy = await connectTo(url);
      await expect(busy.query('SELECT pg_sleep(10)')).rejects.toMatchObject({
        code: expect.stringMatching(/57014|25P04/),
      });
      await ended;
    };
    const sessions = async () => {
      const { rows } = await admin.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND application_name ~ '^notifications (listener|notifier)$' ORDER BY pid`,
      );
      return rows.map(({ pid }) => pid);
    };

    // The migrations wait.
    await admin.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
    const starting = startInstances({ url }, 2, NO_SWEEP);
    await outlast();
    await admin.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`);
    const instances = await starting;
    onEnd(() => Promise.all(instances.map((crm) => crm.close())));
    const [crm] = instances;
    const before = await sessions();
    expect(before).toHaveLength(4);

    // A statement waits, alone and in a transaction.
    await crm?.notifications.notify('ann', { type: 't', title: 'T' });
    await admin.query("BEGIN; SELECT FROM notifications.inbox WHERE recipient_id = 'ann' FOR UPDATE");
    const calls = [
      crm?.notifications.notify('ann', { type: 't', title: 'U' }),
      crm?.notifications.markRead('ann', [1]),
    ];
    await outlast();
    await admin.query('COMMIT');
    expect(await Promise.all(calls)).toMatchObject([{ status: 'delivered' }, { found: 1 }]);

    // Listener and notifier have been idle all the time, and still carry.
    expect(await sessions()).toEqual(before);
    await hearEachOther(instances);
  }

  async function connectTo(url: string): Promise<pg.Client> {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    await client.connect();
    onEnd(() => client.end());
    return client;
  }
});

test('settings that change how statements are read, or whether they may write, are not ours', async () => {
  const database = await createTestDatabase();
  const admin = new pg.Client(database.url);
  await admin.connect();
  const foreign = {
    array_nulls: 'off',
    standard_conforming_strings: 'off',
    transform_null_equals: 'on',
    default_transaction_read_only: 'on',
    row_security: 'off',
    exit_on_error: 'on',
  };
  try {
    for (const [name, value] of Object.entries(foreign)) {
      await admin.query(`ALTER DATABASE ${database.name} SET ${name} = '${value}'`);
    }
    // The start migrates, a stream reads with NULL in an array, and a refused row leaves its session alive.
    const [crm] = await startInstances(database, 1, NO_SWEEP);
    try {
      await crm?.notifications.notify('ann', { type: 't', title: 'T' });
      await crm?.own.query('SELECT 1/0').catch(() => undefined);
      const page = await crm?.own.query(`SELECT '{NULL}'::bigint[] AS ids`);
      expect(page).toEqual([{ ids: [null] }]);
      expect(await crm?.notifications.unreadCount('ann')).toMatchObject({ unread: 1 });
    } finally {
      await crm?.close();
    }
  } finally {
    await admin.query(`ALTER DATABASE ${database.name} RESET ALL`);
    await admin.end();
    await database.drop();
  }
});
