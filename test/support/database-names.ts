import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { ageOfRunMs, runToken } from './run-token.js';

/** Databases without this prefix are never dropped: DATABASE_URL may be anybody's server. */
const PREFIX = 'ncn_test_';
const PATTERN = /^ncn_test_(?:\d+|template)_([0-9a-z]+)_/;
const LEFTOVER_AGE_MS = 60 * 60 * 1000;
/** https://www.postgresql.org/docs/18/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS */
const MAX_LENGTH = 63;

export function newDatabaseName(): string {
  return `${PREFIX}${process.pid}_${runToken()}_${randomBytes(4).toString('hex')}`;
}

export function templateDatabaseName(template: string): string {
  const name = `${PREFIX}template_${runToken()}_${template}`;
  if (/^\w+$/.test(template) && name.length <= MAX_LENGTH) return name;
  throw new Error(`The template name ${JSON.stringify(template)} must be a short word: letters, digits, underscores`);
}

/** Ends the connections, too. */
export async function dropDatabase(admin: pg.Client, name: string): Promise<void> {
  if (!PATTERN.test(name)) throw new Error(`${name} is not a test database; it is not ours to drop`);
  await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(name)} WITH (FORCE)`);
}

export async function dropRunDatabases(admin: pg.Client): Promise<void> {
  await dropDatabases(admin, (token) => token === runToken());
}

/** Databases that killed runs left behind. */
export async function dropLeftoverDatabases(admin: pg.Client): Promise<void> {
  await dropDatabases(admin, (token) => ageOfRunMs(token) > LEFTOVER_AGE_MS);
}

async function dropDatabases(admin: pg.Client, isDue: (token: string) => boolean): Promise<void> {
  const { rows } = await admin.query<{ name: string }>('SELECT datname AS name FROM pg_database');
  for (const { name } of rows) {
    const token = PATTERN.exec(name)?.[1];
    if (token && isDue(token)) await dropDatabase(admin, name);
  }
}
