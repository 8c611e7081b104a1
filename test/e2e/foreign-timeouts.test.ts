import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { createTestDatabase } from '../support/database.js';
import { proveThatNoneIsOurs, SHORT } from '../support/foreign-timeouts.js';
import { NO_SWEEP, startInstances } from '../support/instances.js';
import { startPrivatePostgres } from '../support/postgres-server.js';

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
    await proveThatNoneIsOurs(server.url, set, onEnd);
  });

  // On the server of the run, which may be an older one: DATABASE_URL.
  test('whatever the version of Postgres', async () => {
    const database = await createTestDatabase();
    onEnd(() => database.drop());
    await proveThatNoneIsOurs(
      database.url,
      (timeout) => `ALTER DATABASE ${database.name} SET ${timeout} = '${SHORT}'`,
      onEnd,
    );
  });
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
