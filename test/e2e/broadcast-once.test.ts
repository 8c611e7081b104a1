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

// Their reads are two requests of one batch, which fetches the broadcasts of the same inbox for both.
test('A broadcast is there once when many streams of its recipient open in one moment', async () => {
  const token = await accessToken('alice');
  await crm.notifications.unreadCount('alice');
  await crm.notifications.broadcast({ type: 'announcement', title: 'Offices are closed on Friday' });

  const clients = await Promise.all(
    Array.from({ length: 10 }, () => StreamClient.open(crm.url, token, { lastEventId: 0 })),
  );
  for (const client of clients) {
    await client.until(() => client.of('state').length > 0);
    expect(client.ids).toEqual([1]);
  }
  expect(await crm.notifications.unreadCount('alice')).toEqual({ lastId: 1, unread: 1, revision: 0 });
  for (const client of clients) client.close();
});
