import { constants } from 'node:os';
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { ADMIN_URL_VARIABLE, withAdmin } from './admin.js';
import { discardLeftoverDataDirs, discardRunDataDirs, newDataDir } from './data-dirs.js';
import { dropLeftoverDatabases, dropRunDatabases } from './database-names.js';
import { discardLeftoverRunDirectories, discardRunDirectory } from './run-directory.js';
import { issueRunToken } from './run-token.js';
import { TEST_SETTINGS } from './test-settings.js';

/**
 * Before all tests: a Postgres for the run, that of DATABASE_URL or an embedded one.
 * @public used by global-setup.ts
 */
export async function openRun(): Promise<void> {
  issueRunToken();
  process.env[ADMIN_URL_VARIABLE] = process.env.DATABASE_URL || (await startServerOfTheRun());
  await checkServer();
  await Promise.all([withAdmin(dropLeftoverDatabases), discardLeftoverDataDirs(), discardLeftoverRunDirectories()]);
}

/**
 * After all tests, also failed ones: nothing of the run is left, whatever its tests forgot.
 * @public used by global-teardown.ts
 */
export async function closeRun(): Promise<void> {
  if (process.env.DATABASE_URL) await withAdmin(dropRunDatabases);
  await Promise.all([discardRunDataDirs(), discardRunDirectory()]);
}

async function startServerOfTheRun(): Promise<string> {
  // Without a handler a signal kills the process before its 'exit' handlers, which end the server.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  const { url } = await startEmbeddedPostgres({ dataDir: newDataDir(), settings: TEST_SETTINGS });
  return url;
}

async function checkServer(): Promise<void> {
  try {
    await withAdmin(async (admin) => {
      const { rows } = await admin.query(
        'SELECT rolcreatedb OR rolsuper AS may_create FROM pg_roles WHERE rolname = current_user',
      );
      if (!rows[0].may_create) throw new Error('its role may not create databases (ALTER ROLE … CREATEDB)');
    });
  } catch (cause) {
    throw new Error(
      `The tests can't use the Postgres of ${process.env[ADMIN_URL_VARIABLE]}: ${(cause as Error).message}. ` +
        'Unset DATABASE_URL to let them start one.',
      { cause },
    );
  }
}
