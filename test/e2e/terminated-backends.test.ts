import type { EventEmitter } from 'node:events';
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

// An EventEmitter without a listener for 'error' throws, and that would end the process.
test('A backend that is terminated while its client is being handed out does no more harm than any other', async () => {
  const { master: pool } = crm.own.driver as unknown as { master: EventEmitter };
  const told: boolean[] = [];
  pool.on('acquire', (client: EventEmitter) => {
    told.push(client.listenerCount('error') > 1);
  });
  for (let i = 0; i < 5; i++) await crm.notifications.notify('alice', { type: 't', title: 'x' });
  // One is the pool's own, which it takes away in this very moment.
  expect(told.length).toBeGreaterThan(0);
  expect(told.every(Boolean)).toBe(true);
});

test('notify() goes on after all backends of the module were terminated', async () => {
  await database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE '%notifications%'`,
  );
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, () => crm.notifications.notify('bob', { type: 't', title: 'x' })),
  );
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  }
  expect(await crm.notifications.notify('bob', { type: 't', title: 'y' })).toMatchObject({ status: 'delivered' });
});
