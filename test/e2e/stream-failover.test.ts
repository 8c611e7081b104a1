import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

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

/** As a failover to a replica that was behind leaves it: the newest two arrivals were never there. */
async function loseTheNewestTwo(): Promise<void> {
  await database.query('DELETE FROM notifications.inbox_item WHERE id > 3');
  await database.query('UPDATE notifications.inbox SET last_id = 3, unread = 3');
}

test('When Postgres has lost commits, streams start over instead of waiting for what never comes', async () => {
  const token = await accessToken('alice');
  const client = await StreamClient.open(crm.url, token);
  for (let i = 1; i <= 5; i++) await crm.notifications.notify('alice', { type: 't', title: `${i}` });
  await client.until(() => client.ids.length === 5);

  await loseTheNewestTwo();
  await crm.notifications.notify('alice', { type: 't', title: 'after the failover' });
  await client.until(() => client.ended);
  expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'age', reconnect: true } });

  const again = await StreamClient.open(crm.url, token, { lastEventId: client.lastEventId });
  await again.until(() => again.of('reset').length > 0);
  expect(again.of('reset')[0]).toMatchObject({ id: '4', data: { lastId: 4, unread: 4 } });
  await crm.notifications.notify('alice', { type: 't', title: 'and it goes on' });
  await again.until(() => again.ids.length === 1);
  expect(again.ids).toEqual([5]);
  again.close();
});

// docs/operations.md: ids that were given once must not be given again.
test('After the restore that operations.md describes, a client that was ahead gets reset and is right again', async () => {
  const token = await accessToken('bob');
  const before = await StreamClient.open(crm.url, token);
  for (let i = 1; i <= 5; i++) await crm.notifications.notify('bob', { type: 't', title: `${i}` });
  await before.until(() => before.ids.length === 5);
  const { lastEventId } = before;
  before.close();

  await loseTheNewestTwo();
  await database.query(
    `UPDATE notifications.inbox SET last_id = last_id + 1000000, revision = revision + 1000000,
       unread_mark_revision = unread_mark_revision + 1000000`,
  );
  const after = await StreamClient.open(crm.url, token, { lastEventId });
  expect(after.of('reset')).toEqual([
    { event: 'reset', id: '1000003', data: { lastId: 1_000_003, unread: 3, revision: 1_000_000 } },
  ]);
  const page = await crm.notifications.list('bob');
  expect(page).toMatchObject({ lastId: 1_000_003, unread: 3, revision: 1_000_000 });
  expect(page.items.map((item) => item.id)).toEqual([3, 2, 1]);
  await crm.notifications.notify('bob', { type: 't', title: 'and it goes on' });
  await after.until(() => after.ids.length === 1);
  expect(after.ids).toEqual([1_000_004]);
  after.close();
});
