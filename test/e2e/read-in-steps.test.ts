import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { fillInbox } from '../support/huge-inbox.js';
import { StreamClient } from '../support/stream-client.js';

const cleanup = useCleanup();
let database: TestDatabase;
let crm: CrmApp;

beforeAll(async () => {
  database = await createMigratedDatabase();
  crm = await startCrmApp(database);
});

afterAll(async () => {
  await crm.close();
  await database.drop();
});

test('of a mark-all whose second step fails, streams are told of the first one', async () => {
  const other = 'halfway';
  await fillInbox(database, other, 12_000);
  await database.query(`
      CREATE FUNCTION refuse_second_step() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'as if somebody held the row' USING ERRCODE = 'lock_not_available'; END $$`);
  await database.query(`
      CREATE TRIGGER halfway BEFORE UPDATE ON notifications.inbox FOR EACH ROW
      WHEN (OLD.recipient_id = '${other}' AND OLD.read_up_to > 0) EXECUTE FUNCTION refuse_second_step()`);
  const client = await StreamClient.open(crm.url, await accessToken(other));
  cleanup(() => client.close());
  await expect(crm.notifications.markRead(other, { upTo: 6_000 })).rejects.toMatchObject({ code: 'INBOX_BUSY' });
  await client.until(() => client.of('state').length === 1);
  const numbers = { lastId: 12_000, unread: 7_000, revision: 1 };
  expect(client.of('state')[0]?.data).toEqual({ ...numbers, readUpTo: 5_000 });
  await database.query('DROP TRIGGER halfway ON notifications.inbox');
  // Repeated, it goes on from there, and every step is told once.
  expect(await crm.notifications.markRead(other, { upTo: 6_000 })).toMatchObject({ unread: 6_000, revision: 2 });
  await client.until(() => client.of('state').length === 2);
  expect(client.of('state')[1]?.data).toEqual({ lastId: 12_000, unread: 6_000, revision: 2, readUpTo: 6_000 });
});
