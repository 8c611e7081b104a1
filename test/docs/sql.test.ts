import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { blocks } from '../support/documents.js';

/** What the pages take for granted, as the reader's own. */
const AROUND = `
  CREATE TABLE team_member (team_id int, user_id text);
  CREATE TABLE deal (id int PRIMARY KEY, name text, owner_id text)`;

/** Roles belong to the whole server: privileges.test.ts has one of its own, and runs this block there. */
const NOT_HERE = (code: string) => code.startsWith('GRANT ');

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createMigratedDatabase();
  client = new pg.Client(database.url);
  await client.connect();
  await client.query('BEGIN');
  await client.query(AROUND);
});

afterAll(async () => {
  await client?.end();
  await database?.drop();
});

// Each in a transaction that is rolled back. That they do what the pages say is shown by test/e2e/{plain-sql,operations-sql}.test.ts.
const statements = blocks().filter(({ language, code }) => language === 'sql' && !NOT_HERE(code));

test.each(statements)('Postgres runs $page:$line', async ({ code }) => {
  await client.query('SAVEPOINT block');
  try {
    await expect(client.query(code)).resolves.toBeDefined();
  } finally {
    await client.query('ROLLBACK TO block');
  }
});
