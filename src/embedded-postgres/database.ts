import pg from 'pg';

/** https://www.postgresql.org/docs/18/errcodes-appendix.html; the second one when two processes create it at once. */
const ALREADY_THERE = ['42P04', '23505'];

/** Creates the database on the server of `url` unless it exists, and returns its URL. Safe to do twice at once. */
export async function createDatabaseIfAbsent(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  } catch (error) {
    if (!ALREADY_THERE.includes((error as pg.DatabaseError).code ?? '')) throw error;
  } finally {
    await client.end();
  }
  const created = new URL(url);
  created.pathname = `/${encodeURIComponent(name)}`;
  return created.href;
}
