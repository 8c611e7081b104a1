import pg from 'pg';
import { urlOf, withAdmin } from './admin.js';
import { dropDatabase, newDatabaseName, templateDatabaseName } from './database-names.js';
import { describeConnections, openConnections } from './open-connections.js';

export interface TestDatabaseOptions {
  /** The name of a template made by `templateDatabase()`, to start from a copy of it. */
  template?: string;
}

/** A database of one test file's own. */
export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Runs one statement and returns its rows; reconnects when the server was restarted. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, parameters?: unknown[]): Promise<Row[]>;
  /** Drops it, and fails when the code under test has left connections open. */
  drop(): Promise<void>;
}

/** Creates a database with a unique name on the server of the run. */
export async function createTestDatabase({ template }: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const name = newDatabaseName();
  const source = template === undefined ? '' : ` TEMPLATE ${pg.escapeIdentifier(templateDatabaseName(template))}`;
  await withAdmin((admin) => admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)}${source}`));

  const url = urlOf(name);
  const pool = new pg.Pool({ connectionString: url, max: 4, application_name: 'ncn test database' });
  // Without a listener a lost idle connection ends the process; the pool opens a new one by itself.
  pool.on('error', () => {});
  return {
    url,
    name,
    query: async <Row extends pg.QueryResultRow>(sql: string, parameters?: unknown[]) =>
      (await pool.query<Row>(sql, parameters)).rows,
    drop: async () => {
      await pool.end();
      await withAdmin(async (admin) => {
        const leaked = await openConnections(admin, name);
        await dropDatabase(admin, name);
        if (leaked.length > 0) {
          throw new Error(
            `${leaked.length} connections to ${name} were left open. Close what opened them before drop():\n` +
              describeConnections(leaked),
          );
        }
      });
    },
  };
}

/**
 * Makes a template database: `prepare` fills it, once per run, whichever worker comes first; the others wait. A failing
 * `prepare` leaves nothing behind, so that the next caller tries again.
 */
export async function templateDatabase(template: string, prepare: (url: string) => Promise<void>): Promise<void> {
  const name = templateDatabaseName(template);
  await withAdmin(async (admin) => {
    // Advisory locks belong to a database; all workers take this one on the admin database.
    await admin.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name]);
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return;

    const draft = newDatabaseName();
    await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(draft)}`);
    try {
      await prepare(urlOf(draft));
      const leaked = await openConnections(admin, draft);
      if (leaked.length > 0) {
        throw new Error(
          `prepare() of the template ${template} left ${leaked.length} connections open, and a database in use can't ` +
            `be copied. Close them before it returns:\n${describeConnections(leaked)}`,
        );
      }
      await admin.query(`ALTER DATABASE ${admin.escapeIdentifier(draft)} WITH ALLOW_CONNECTIONS false`);
      await admin.query(`ALTER DATABASE ${admin.escapeIdentifier(draft)} RENAME TO ${admin.escapeIdentifier(name)}`);
    } catch (error) {
      await dropDatabase(admin, draft);
      throw error;
    }
  });
}
