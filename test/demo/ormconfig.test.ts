import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { discardEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { newDataDir } from '../support/data-dirs.js';
import { createTestDatabase } from '../support/database.js';
import { runTypeOrm } from './type-orm.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

test('on a fresh checkout the command line starts Postgres, and leaves none behind', async () => {
  const dataDir = newDataDir();
  expect(await runTypeOrm('show', { DATA_DIR: dataDir })).toMatch(
    /^\[ \] CreateNotificationTables\d*\n\[ \] CountConnections/,
  );
  expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(false);
  expect(await runTypeOrm('run', { DATA_DIR: dataDir })).toContain('has been executed successfully');
  expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(false);
  expect(await discardEmbeddedPostgres(dataDir)).toBe(true);
});

test('run creates the tables in NOTIFICATIONS_SCHEMA, also twice at once; revert removes them', async () => {
  const database = await createTestDatabase();
  const tables = async (schema: string) => {
    const rows = await database.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
    return rows.map(({ tablename }) => tablename);
  };
  const env = { DATABASE_URL: database.url, NOTIFICATIONS_SCHEMA: 'bells' };
  await Promise.all([runTypeOrm('run', env), runTypeOrm('run', env)]);
  expect(await tables('bells')).toEqual(expect.arrayContaining(['inbox', 'message', 'migration', 'outbox']));
  expect(await tables('notifications')).toEqual([]);
  // One after the other, the newest first.
  const migrations = await database.query('SELECT FROM bells.migration');
  for (let left = migrations.length; left > 1; left--) await runTypeOrm('revert', env);
  expect(await tables('bells')).not.toContain('connection_count');
  expect(await tables('bells')).toContain('inbox_item');
  await runTypeOrm('revert', env);
  expect(await tables('bells')).toEqual(['migration']);
  await database.drop();
});
