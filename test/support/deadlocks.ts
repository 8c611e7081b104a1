import { expect } from '@jest/globals';
import type { TestDatabase } from './database.js';
import { eventually } from './eventually.js';

/**
 * No deadlock in this database, ever; also none that the code under test has made good by a repeat. To be called once
 * the applications are closed: a backend hands in its statistics when it ends, at the latest.
 */
export async function expectNoDeadlocks(database: TestDatabase): Promise<void> {
  await eventually(async () => {
    const [{ open } = {}] = await database.query(
      `SELECT count(*)::int AS open FROM pg_stat_activity
       WHERE datname = current_database() AND backend_type = 'client backend' AND application_name NOT LIKE 'ncn%'`,
    );
    expect({ open }).toEqual({ open: 0 });
  });
  const statistics = await database.query(
    'SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()',
  );
  expect(statistics).toEqual([{ deadlocks: 0 }]);
}
