import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { NotifyResult } from '../../src/notifications/index.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { inboxRows, tracesOf } from '../support/inbox-rows.js';

let database: TestDatabase;
let apps: CrmApp[];
let crm: CrmApp;

beforeAll(async () => {
  database = await createMigratedDatabase();
  apps = [await startCrmApp(database), await startCrmApp(database)];
  crm = apps[0] as CrmApp;
});

afterAll(async () => {
  await Promise.all(apps.map((app) => app.close()));
  await database.drop();
});

const notification = (title: string) => ({ type: 'test', title });

async function titlesOf(recipient: string, tenant = ''): Promise<string[]> {
  const { items } = await crm.notifications.list({ tenant, id: recipient });
  return items.map((item) => item.title).reverse();
}

async function relayed(): Promise<void> {
  await eventually(async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]));
}

/** One of them has stored the message, and all the others name that one. */
function expectOneDelivered(results: NotifyResult[]): void {
  const delivered = results.filter((result) => result.status === 'delivered');
  expect(delivered).toHaveLength(1);
  const others = results.filter((result) => result !== delivered[0]);
  expect(others).toEqual(others.map(() => ({ status: 'duplicate', messageId: delivered[0]?.messageId })));
}

test('a second message with the same key is a duplicate of the first, and nothing of it is stored', async () => {
  const first = await crm.notifications.notify('twice', notification('first'), { idempotencyKey: 'twice' });
  expect(first.status).toBe('delivered');
  const second = await crm.notifications.notify(['twice', 'another'], notification('second'), {
    idempotencyKey: 'twice',
  });
  expect(second).toEqual({ status: 'duplicate', messageId: first.messageId });
  expect(await titlesOf('twice')).toEqual(['first']);
  expect(await inboxRows(database, 'another')).toEqual([]);
  expect(await tracesOf(database, 'second')).toEqual({ messages: 0, items: 0, outbox: 0 });
});

test('of 20 at once on two instances one is delivered, and the others are told its id', async () => {
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (apps[index % 2] as CrmApp).notifications.notify('race', notification('race'), { idempotencyKey: 'race' }),
    ),
  );
  expectOneDelivered(results);
  expect(await inboxRows(database, 'race')).toMatchObject([{ lastId: 1, unread: 1, ids: [1] }]);
});

test('the same key several times in one batch: the first call wins, what is between them is delivered', async () => {
  const { notifications } = crm;
  // While this one is under way, the others gather.
  const ahead = notifications.notify('batch', notification('ahead'));
  const results = await Promise.all([
    notifications.notify('batch', notification('first'), { idempotencyKey: 'batch' }),
    notifications.notify('batch', notification('without')),
    notifications.notify('batch', notification('second'), { idempotencyKey: 'batch' }),
    notifications.notify('batch', notification('other'), { idempotencyKey: 'another of the batch' }),
    notifications.notify('batch', notification('third'), { idempotencyKey: 'batch' }),
  ]);
  await ahead;
  expect(results.map((result) => result.status)).toEqual([
    'delivered',
    'delivered',
    'duplicate',
    'delivered',
    'duplicate',
  ]);
  expect(results[2]?.messageId).toBe(results[0]?.messageId);
  expect(await titlesOf('batch')).toEqual(['ahead', 'first', 'without', 'other']);
});

test('tenants do not share keys, nor do they see each other by them', async () => {
  const results = await Promise.all(
    ['', 'a', 'b'].map((tenant) =>
      crm.notifications.notify('tenants', notification(`of ${tenant}`), { tenant, idempotencyKey: 'tenants' }),
    ),
  );
  expect(results.map((result) => result.status)).toEqual(['delivered', 'delivered', 'delivered']);
  expect(new Set(results.map((result) => result.messageId)).size).toBe(3);
  for (const tenant of ['', 'a', 'b']) expect(await titlesOf('tenants', tenant)).toEqual([`of ${tenant}`]);
});

test('in transactions the relay drops the duplicate, and goes on with what is behind it', async () => {
  for (const title of ['first', 'second']) {
    await crm.dataSource.transaction(async (manager) => {
      const options = { manager, idempotencyKey: 'relayed' };
      expect((await crm.notifications.notify('relayed', notification(title), options)).status).toBe('queued');
      await crm.notifications.notify('relayed', notification(`after the ${title}`), { manager });
    });
  }
  await relayed();
  expect(await titlesOf('relayed')).toEqual(['first', 'after the first', 'after the second']);
  const direct = await crm.notifications.notify('relayed', notification('third'), { idempotencyKey: 'relayed' });
  expect(direct.status).toBe('duplicate');
});

test('a transaction that rolls back does not use its key up', async () => {
  const transaction = crm.dataSource.transaction(async (manager) => {
    await crm.notifications.notify('freed', notification('lost'), { manager, idempotencyKey: 'freed' });
    throw new Error('rolled back');
  });
  await expect(transaction).rejects.toThrow('rolled back');
  const result = await crm.notifications.notify('freed', notification('kept'), { idempotencyKey: 'freed' });
  expect(result.status).toBe('delivered');
  expect(await titlesOf('freed')).toEqual(['kept']);
});

test('direct calls and the relay race for keys: each message is in the inbox once', async () => {
  const keys = Array.from({ length: 30 }, (_, index) => `mixed ${index}`);
  await Promise.all(
    keys.flatMap((idempotencyKey) =>
      apps.flatMap(({ notifications, dataSource }) => [
        notifications.notify('mixed', notification(idempotencyKey), { idempotencyKey }),
        dataSource.transaction((manager) =>
          notifications.notify('mixed', notification(idempotencyKey), { idempotencyKey, manager }),
        ),
      ]),
    ),
  );
  await relayed();
  const { items, unread } = await crm.notifications.list('mixed', { limit: 100 });
  expect(items.map((item) => item.title).sort()).toEqual([...keys].sort());
  expect(unread).toBe(keys.length);
});

test('a duplicate for more recipients than one statement takes is dropped as a whole', async () => {
  const recipients = Array.from({ length: 5_001 }, (_, index) => `large ${index}`);
  const options = { idempotencyKey: 'large' };
  for (const title of ['large, first', 'large, second']) {
    expect((await crm.notifications.notify(recipients, notification(title), options)).status).toBe('queued');
  }
  await relayed();
  expect(await tracesOf(database, 'large, first')).toEqual({ messages: 1, items: 5_001, outbox: 0 });
  expect(await tracesOf(database, 'large, second')).toEqual({ messages: 0, items: 0, outbox: 0 });
});

test('broadcasts have keys too, and share them with notifications', async () => {
  const tenant = 'of broadcasts';
  await crm.notifications.notify('listener', notification('direct'), { tenant, idempotencyKey: 'direct' });
  const broadcast = (title: string, idempotencyKey: string, app = crm) =>
    app.notifications.broadcast(notification(title), { tenant, idempotencyKey });

  expectOneDelivered(await Promise.all(apps.flatMap((app) => [1, 2, 3].map(() => broadcast('to all', 'all', app)))));
  expect((await broadcast('not to all', 'direct')).status).toBe('duplicate');
  await crm.dataSource.transaction((manager) =>
    crm.notifications.broadcast(notification('queued'), { tenant, idempotencyKey: 'all', manager }),
  );
  await relayed();
  expect(await titlesOf('listener', tenant)).toEqual(['direct', 'to all']);
});
