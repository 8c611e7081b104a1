import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { NotificationsModule } from '../../src/notifications/index.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { inboxRows } from '../support/inbox-rows.js';
import { storedRows } from '../support/refusal.js';
import { StreamClient } from '../support/stream-client.js';

const T = { type: 't', title: 'T' };

describe('Retention', () => {
  let database: TestDatabase;
  let crm: CrmApp;

  beforeEach(async () => {
    database = await createMigratedDatabase();
  });
  afterEach(async () => {
    await crm.close();
    await database.drop();
  });

  const start = async (retention: { days: number } | null) => {
    crm = await startCrmApp(database, { notifications: { retention } });
    return crm.app.get(Purge);
  };

  /** As if it had happened so long ago. */
  const age = async (table: string, interval: string, where = 'true') =>
    await database.query(`UPDATE notifications.${table} SET created_at = created_at - $1::interval WHERE ${where}`, [
      interval,
    ]);

  test('deletes what is older than its days, read or not, and keeps numbers and streams right', async () => {
    const purge = await start({ days: 30 });
    for (const title of ['read', 'unread', 'below the watermark', 'young']) {
      await crm.notifications.notify(['ann', 'bob'], { ...T, title });
    }
    await crm.notifications.markRead('ann', [1]);
    await age('inbox_item', '30 days 1 second', `recipient_id = 'ann' AND id <= 2`);
    await age('inbox_item', '29 days 23 hours', `recipient_id = 'ann' AND id > 2`);
    const client = await StreamClient.open(crm.url, await accessToken('ann'));
    expect(client.frames[0]?.data).toMatchObject({ lastId: 4, unread: 3, revision: 1 });

    await purge.deleteOld();
    await client.until(() => client.of('state').length === 1);
    expect(client.of('state')[0]?.data).toEqual({ lastId: 4, unread: 2, revision: 2, removed: [1, 2] });
    client.close();
    expect(await crm.notifications.list('ann')).toMatchObject({
      items: [{ id: 4 }, { id: 3 }],
      ...{ lastId: 4, unread: 2, revision: 2 },
    });
    // Nothing of anybody else.
    expect(await crm.notifications.unreadCount('bob')).toEqual({ lastId: 4, unread: 4, revision: 0 });
    // Ids are never given again.
    await crm.notifications.notify('ann', T);
    expect((await inboxRows(database, 'ann'))[0]?.ids).toEqual([3, 4, 5]);
  });

  test('ends with the beginning of the shutdown, while the host still drains', async () => {
    const purge = await start({ days: 30 });
    await crm.notifications.notify('ann', T);
    await age('inbox_item', '31 days');
    await crm.app.get(NotificationsModule).beforeApplicationShutdown();
    await purge.deleteOld();
    expect((await inboxRows(database, 'ann'))[0]?.ids).toEqual([1]);
    expect(await crm.notifications.notify('ann', T)).toMatchObject({ status: 'delivered' });
  });

  test('below the watermark of mark-all', async () => {
    const purge = await start({ days: 1 });
    for (let i = 0; i < 4; i++) await crm.notifications.notify('ann', T);
    await crm.notifications.markRead('ann', { upTo: 2 });
    await age('inbox_item', '2 days', 'id <= 3');
    await purge.deleteOld();
    expect(await inboxRows(database, 'ann')).toMatchObject([{ unread: 1, unreadIds: [4], ids: [4], revision: 2 }]);
  });

  test('messages go a day after their last notification, with their idempotency keys', async () => {
    const purge = await start({ days: 30 });
    const once = { idempotencyKey: 'once' };
    await crm.notifications.notify('ann', T, once);
    for (const [table, interval] of [
      ['inbox_item', '30 days 1 hour'],
      ['message', '30 days 1 hour'],
    ] as const) {
      await age(table, interval);
    }
    await purge.deleteOld();
    expect(await storedRows(database)).toEqual({ inbox: 1, message: 1 });
    expect((await crm.notifications.notify('ann', T, once)).status).toBe('duplicate');

    await age('message', '1 day');
    await purge.deleteOld();
    expect(await storedRows(database)).toEqual({ inbox: 1 });
    expect((await crm.notifications.notify('ann', T, once)).status).toBe('delivered');
  });

  test('broadcasts: from inboxes, and for those who have not looked since', async () => {
    const purge = await start({ days: 30 });
    await crm.notifications.unreadCount('ann');
    await crm.notifications.unreadCount('bob');
    await crm.notifications.broadcast({ ...T, title: 'old' });
    await crm.notifications.list('ann');
    for (const table of ['broadcast', 'message', 'inbox_item']) await age(table, '31 days 1 hour');
    await crm.notifications.broadcast({ ...T, title: 'young' });

    await purge.deleteOld();
    for (const recipient of ['ann', 'bob']) {
      expect(await crm.notifications.list(recipient)).toMatchObject({ items: [{ title: 'young' }], unread: 1 });
    }
    expect(await storedRows(database)).toMatchObject({ broadcast: 1, message: 1, inbox_item: 2 });
    // Nobody gets the old one after all, nor the young one twice.
    await crm.notifications.broadcast({ ...T, title: 'last' });
    const { items } = await crm.notifications.list('bob');
    expect(items.map(({ title }) => title)).toEqual(['last', 'young']);
  });

  test('more than a batch, of many inboxes', async () => {
    const purge = await start({ days: 1 });
    const recipients = Array.from({ length: 4_000 }, (_, i) => `r${i}`);
    for (let i = 0; i < 3; i++) await crm.notifications.notify(recipients, T);
    await age('inbox_item', '2 days', 'id <= 2');
    await purge.deleteOld();
    expect(await storedRows(database)).toMatchObject({ inbox: 4_000, inbox_item: 4_000 });
    const wrong = await database.query('SELECT FROM notifications.inbox WHERE unread <> 1 OR last_id <> 3');
    expect(wrong).toEqual([]);
  });

  test('an inbox that is busy is left for the next time, the others are not', async () => {
    const purge = await start({ days: 1 });
    await crm.notifications.notify(['ann', 'bob'], T);
    await age('inbox_item', '2 days');
    await crm.dataSource.transaction(async (manager) => {
      await manager.query(`SELECT FROM notifications.inbox WHERE recipient_id = 'ann' FOR UPDATE`);
      await purge.deleteOld();
      expect(await inboxRows(database)).toMatchObject([
        { ids: [1], unread: 1 },
        { ids: [], unread: 0 },
      ]);
    });
    await purge.deleteOld();
    expect(await inboxRows(database)).toMatchObject([
      { ids: [], unread: 0 },
      { ids: [], unread: 0 },
    ]);
  });

  test('null keeps everything', async () => {
    const purge = await start(null);
    await crm.notifications.notify('ann', T);
    for (const table of ['message', 'inbox_item']) await age(table, '100 years');
    await purge.deleteOld();
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [{ id: 1 }], unread: 1, revision: 0 });
  });
});
