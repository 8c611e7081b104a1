import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';

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

// Queued behind the ROLLBACK the INSERT would be a transaction of its own, which commits.
test('A call that nobody awaits leaves nothing behind when it comes while its transaction rolls back', async () => {
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    const rolledBack = crm.dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1');
      setImmediate(() => {
        const call = crm.notifications.notify('alice', { type: 't', title: `${i}` }, { manager });
        calls.push(call.catch((error: unknown) => error));
      });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toHaveLength(20);
  for (const answer of await Promise.all(calls)) expect(answer).toMatchObject({ code: 'TRANSACTION_OVER' });
  expect(await database.query('SELECT payload FROM notifications.outbox')).toEqual([]);
  expect(await database.query('SELECT title FROM notifications.message')).toEqual([]);
});

test('A rolled back savepoint does not end the transaction around it', async () => {
  await crm.dataSource.transaction(async (manager) => {
    await manager.transaction(async () => Promise.reject(new Error('inner'))).catch(() => undefined);
    await crm.notifications.notify('bob', { type: 't', title: 'outer' }, { manager });
  });
  expect(
    await database.query(`SELECT count(*)::int AS n FROM notifications.outbox
    UNION ALL SELECT count(*)::int FROM notifications.message WHERE title = 'outer'`),
  ).toContainEqual({ n: 1 });
});
