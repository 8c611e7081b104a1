import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { storedRows } from '../support/refusal.js';
import { StreamClient } from '../support/stream-client.js';

const T = { type: 't', title: 'T' };

describe('In one process on one database', () => {
  let database: TestDatabase;
  const apps: CrmApp[] = [];

  beforeEach(async () => {
    database = await createMigratedDatabase();
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await database.drop();
  });

  async function start(options: Parameters<typeof startCrmApp>[1]): Promise<CrmApp> {
    const crm = await startCrmApp(database, options);
    apps.push(crm);
    return crm;
  }

  test('two applications with two schemas and two paths live side by side', async () => {
    const sales = await start({ notifications: { schema: 'sales', path: 'sales/inbox', retention: { days: 1 } } });
    const support = await start({ notifications: { schema: 'support', path: 'tickets', retention: null } });
    const token = await accessToken('ann');
    const ofSales = await StreamClient.open(sales.url, token, { path: '/sales/inbox' });
    const ofSupport = await StreamClient.open(support.url, token, { path: '/tickets' });
    for (const [crm, path] of [
      [sales, '/tickets'],
      [support, '/sales/inbox'],
      [sales, '/notifications'],
    ] as const) {
      expect((await fetch(`${crm.url}${path}`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(404);
    }

    // Direct, by the relay, later, to all; the same idempotency key in both.
    for (const [crm, name] of [
      [sales, 'sales'],
      [support, 'support'],
    ] as const) {
      await crm.notifications.notify('ann', { ...T, title: `${name} direct` }, { idempotencyKey: 'once' });
      await crm.dataSource.transaction(async (manager) => {
        await crm.notifications.notify('ann', { ...T, title: `${name} in a transaction` }, { manager });
      });
      await eventually(async () => expect((await crm.notifications.unreadCount('ann')).lastId).toBe(2));
      await crm.notifications.broadcast({ ...T, title: `${name} to all` });
    }
    for (const [stream, name] of [
      [ofSales, 'sales'],
      [ofSupport, 'support'],
    ] as const) {
      await stream.until(() => stream.ids.length === 3);
      const titles = stream.of('message').map(({ data }) => data.title);
      expect(titles).toEqual([`${name} direct`, `${name} in a transaction`, `${name} to all`]);
    }

    // What is done in one is not done in the other.
    await sales.notifications.markRead('ann', { upTo: 3 });
    await sales.notifications.remove('ann', [1]);
    await database.query(`UPDATE sales.inbox_item SET created_at = created_at - interval '2 days'`);
    await database.query(`UPDATE support.inbox_item SET created_at = created_at - interval '2 days'`);
    for (const crm of [sales, support]) await crm.app.get(Purge).deleteOld();
    await sales.notifications.disconnect('ann');
    await ofSales.until(() => ofSales.ended);
    expect(await sales.notifications.list('ann')).toMatchObject({ items: [], lastId: 3, unread: 0 });
    expect(await support.notifications.list('ann')).toMatchObject({ lastId: 3, unread: 3, revision: 0 });
    expect((await support.notifications.list('ann')).items).toHaveLength(3);
    expect(ofSupport.ended).toBe(false);
    expect([sales.notifications.connections(), support.notifications.connections()]).toEqual([0, 1]);

    // One closes, the other goes on, and still hears of its host's commits.
    await apps.shift()?.close();
    await support.dataSource.transaction((manager) => support.notifications.notify('ann', T, { manager }));
    await ofSupport.until(() => ofSupport.ids.length === 4);
    ofSupport.close();
    expect(await storedRows(database)).toEqual({});
  });

  test('a manager of the other application works for each: it is the same database', async () => {
    const one = await start({ notifications: { schema: 'one' } });
    const two = await start({ notifications: { schema: 'two' } });
    await one.dataSource.transaction(async (manager) => {
      await one.notifications.notify('ann', { ...T, title: 'one' }, { manager });
      await two.notifications.notify('ann', { ...T, title: 'two' }, { manager });
    });
    for (const [crm, title] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      await eventually(async () => expect((await crm.notifications.list('ann')).items).toMatchObject([{ title }]));
    }
    const lost = two.dataSource.transaction(async (manager) => {
      await one.notifications.notify('ann', T, { manager });
      await two.notifications.notify('ann', T, { manager });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    for (const schema of ['one', 'two']) expect(await storedRows(database, schema)).toMatchObject({ message: 1 });
  });

  test.each([
    ['', undefined],
    [', under a default of REPEATABLE READ', 'repeatable read'],
  ])('a pool of 4 that is fully busy with transactions that notify does not hang%s', async (_name, isolation) => {
    if (isolation) {
      await database.query(`ALTER DATABASE "${database.name}" SET default_transaction_isolation = '${isolation}'`);
    }
    const crm = await start({ dataSource: { poolSize: 4, extra: { max: 4 } }, notifications: { poolSize: 2 } });
    let inside = 0;
    let allInside = () => {};
    const busy = new Promise<void>((resolve) => {
      allInside = resolve;
    });
    const transactions = Array.from({ length: 24 }, (_, i) =>
      crm.dataSource.transaction(async (manager) => {
        // The first four have taken every connection of the host before any of them goes on.
        inside += 1;
        if (inside === 4) allInside();
        await busy;
        await crm.notifications.notify('ann', { ...T, title: `with ${i}` }, { manager });
        await crm.notifications.notify('ann', { ...T, title: `without ${i}` });
        await crm.notifications.broadcast({ ...T, title: `all ${i}` }, { manager });
        await crm.notifications.markRead('ann', [1]);
        await crm.notifications.unreadCount('ann');
      }),
    );
    await Promise.all(transactions);
    await eventually(async () => {
      expect(await crm.notifications.unreadCount('ann')).toMatchObject({ lastId: 72, unread: 71 });
    });
  });
});
