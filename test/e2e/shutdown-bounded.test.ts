import { expect, test } from '@jest/globals';
import pg from 'pg';
import { createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';

test('A statement that Postgres does not answer holds the shutdown up for seconds, not until it times out', async () => {
  const database = await createMigratedDatabase();
  const crm = await startCrmApp(database);
  const other = new pg.Client(database.url);
  await other.connect();
  await other.query('BEGIN; LOCK TABLE notifications.outbox');
  await eventually(async () => {
    const waiting = await database.query(`SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND
      datname = current_database()`);
    expect(waiting.length).toBeGreaterThan(0);
  });

  const started = performance.now();
  await crm.close();
  // Statements time out after 30 s.
  expect(performance.now() - started).toBeLessThan(15_000);
  await other.query('ROLLBACK');
  await other.end();
  await database.drop();
}, 60_000);
