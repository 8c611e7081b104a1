import { join } from 'node:path';
import { createDatabaseIfAbsent, startEmbeddedPostgres } from '../../embedded-postgres/embedded-postgres.js';
import { packageRoot } from '../package-root.js';

/**
 * Where the demo and TypeORM's command line find Postgres: at DATABASE_URL, or in an embedded server with its data in
 * DATA_DIR (`.data/postgres`), which this starts or joins, and which ends with the last process that uses it.
 */
export async function postgresUrl(): Promise<string> {
  const { DATABASE_URL, DATA_DIR } = process.env;
  if (DATABASE_URL) return DATABASE_URL;
  const { url } = await startEmbeddedPostgres({ dataDir: DATA_DIR || join(packageRoot(), '.data', 'postgres') });
  return await createDatabaseIfAbsent(url, 'crm');
}

/** The schema of the notifications: NOTIFICATIONS_SCHEMA, or the library's default. */
export function notificationsSchema(): string | undefined {
  return process.env.NOTIFICATIONS_SCHEMA || undefined;
}
