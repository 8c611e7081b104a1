import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NotificationsDataSource, runNotificationsMigrations } from '../../src/notifications/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { goTheWholePath } from '../support/whole-path.js';

describe('The schema may have any ordinary name', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  test.each(['user', '_'.padEnd(63, 'x')])('%s: the whole path', async (schema) => {
    await goTheWholePath(database.url, schema);
  });

  test.each(['order', 'select', 'default', 'authorization'])('%s: its tables', async (schema) => {
    const own = new NotificationsDataSource({ type: 'postgres', url: database.url }, { schema, poolSize: 1 });
    await own.initialize();
    try {
      await own.runMigrations();
      expect(await own.showMigrations()).toBe(false);
      expect(await own.getRepository(own.tables.outbox).count()).toBe(0);
    } finally {
      await own.destroy();
    }
  });

  test.each(['pg_crm', 'pg_catalog', 'information_schema', 'User', 'crm-prod', 'größe', 'x'.repeat(64), '', 'a"b'])(
    '%s is refused in a sentence, also by the migrations',
    async (schema) => {
      const refused = { code: 'INVALID_OPTIONS', message: expect.stringMatching(/schema must be a Postgres name of/) };
      const migrations = runNotificationsMigrations({ type: 'postgres', url: database.url }, { schema });
      await expect(migrations).rejects.toMatchObject(refused);
    },
  );
});
