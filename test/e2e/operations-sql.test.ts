import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { Keyring } from '../../src/notifications/broker/keyring.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { blocks } from '../support/documents.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

jest.setTimeout(60_000);

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

/** The one SQL example of docs/operations.md that holds this text. */
function example(text: string): string {
  const sql = blocks(['docs/operations.md']).filter(({ language }) => language === 'sql');
  const found = sql.filter(({ code }) => code.includes(text));
  expect(found).toHaveLength(1);
  return found[0]?.code as string;
}

const rowsOf = async (text: string) => await database.query(example(text));

test('the outbox: what is ready, scheduled and parked', async () => {
  await crm.notifications.notify('ann', { type: 't', title: 'later' }, { deliverAt: '2999-01-01T00:00:00Z' });
  await database.query(
    `INSERT INTO notifications.outbox (payload, attempts) SELECT '{}', 5 FROM generate_series(1, 2)`,
  );
  expect(await rowsOf('AS parked')).toEqual([{ ready: '0', lag: null, set_aside: '0', scheduled: '1', parked: '2' }]);
});

test('instances with their streams, and the connections of each', async () => {
  const client = await StreamClient.open(crm.url, await accessToken('bob'));
  await eventually(async () => expect(await rowsOf('AS streams')).toMatchObject([{ streams: '1' }]));
  client.close();
  const names = (await rowsOf('application_name LIKE')).map((row) => row.application_name);
  expect(names).toEqual(
    expect.arrayContaining(['crm notifications', 'notifications listener', 'notifications notifier']),
  );
});

test('the largest inboxes, the tables, and transactions that stay open', async () => {
  await crm.notifications.notify(['carol', 'dave'], { type: 't', title: 'x' });
  await crm.notifications.notify('dave', { type: 't', title: 'y' });
  expect(await rowsOf('AS items')).toEqual([
    { tenant_id: '', recipient_id: 'dave', items: '2' },
    { tenant_id: '', recipient_id: 'carol', items: '1' },
  ]);
  const tables = (await rowsOf('pg_total_relation_size')).map((row) => row.relname);
  expect(tables).toEqual(expect.arrayContaining(['inbox', 'inbox_item', 'message', 'outbox']));
  expect(Array.isArray(await rowsOf('open_for'))).toBe(true);
});

test('keys of messages between instances: a new one, and later only that one', async () => {
  const keys = async () =>
    (await database.query('SELECT id FROM notifications.broker_key ORDER BY id')).map(({ id }) => id);
  const [insert, clear] = [example('broker_key DEFAULT VALUES'), example('DELETE FROM notifications.broker_key')];
  await database.query(insert);
  await database.query(clear);
  expect(await keys()).toEqual(['1', '2']);
  const keyring = crm.app.get(Keyring);
  expect(JSON.parse(keyring.sign('{"x":1}'))).toMatchObject({ x: 1, key: 1 });

  // A minute later: it is signed with the new one, also by who has not heard of it by a message.
  await database.query(`UPDATE notifications.broker_key SET created_at = now() - interval '61 seconds' WHERE id = 2`);
  await eventually(() => expect(JSON.parse(keyring.sign('{"x":1}'))).toMatchObject({ key: 2 }), { timeoutMs: 25_000 });
  await database.query(`UPDATE notifications.broker_key SET created_at = now() - interval '301 seconds' WHERE id = 2`);
  await database.query(clear);
  expect(await keys()).toEqual(['2']);
  const secrets = await database.query(
    `SELECT DISTINCT secret FROM notifications.broker_key WHERE octet_length(secret) = 32`,
  );
  expect(secrets).toHaveLength(1);
});

test('after a restore: every inbox goes on where no id was ever given', async () => {
  await crm.notifications.notify('erin', { type: 't', title: 'x' });
  await database.query(example('UPDATE notifications.inbox'));
  expect(await crm.notifications.unreadCount('erin')).toEqual({ lastId: 1_000_001, unread: 1, revision: 1_000_000 });
});
