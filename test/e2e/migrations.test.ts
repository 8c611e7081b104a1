import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { createMigrations } from '../../src/notifications/inbox/migrations.js';
import { MAX_ATTEMPTS } from '../../src/notifications/inbox/outbox-line.statement.js';
import {
  NotificationsDataSource,
  NotificationsModule,
  runNotificationsMigrations,
} from '../../src/notifications/index.js';
import { LIMITS } from '../../src/notifications/payload.js';
import { type CrmApp, JWT_SECRET, startCrmApp } from '../support/crm-app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { refusal } from '../support/refusal.js';

const T = { type: 't', title: 'T' };

describe('Migrations', () => {
  let database: TestDatabase;
  const apps: CrmApp[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    await database.drop();
  });

  async function start(options: Parameters<typeof startCrmApp>[1] = {}): Promise<CrmApp> {
    const crm = await startCrmApp(database, options);
    apps.push(crm);
    return crm;
  }
  const options = () => ({ type: 'postgres', url: database.url }) as const;
  const done = (schema = 'notifications') => database.query(`SELECT name FROM ${schema}.migration ORDER BY id`);

  /** Everything that the tables consist of. */
  const shape = () =>
    database.query(`
      SELECT c.relname, c.relkind, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity
      FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
      WHERE c.relnamespace = to_regnamespace('notifications') ORDER BY 1, a.attnum`);

  test.each([
    ['', ''],
    [' under a default of REPEATABLE READ', 'repeatable read'],
    [' under a default of SERIALIZABLE', 'serializable'],
  ])('20 instances start at once on an empty database%s: all start, one migrates', async (_name, isolation) => {
    if (isolation) {
      await database.query(`ALTER DATABASE "${database.name}" SET default_transaction_isolation = '${isolation}'`);
    }
    // Small pools: twenty of the host's and twenty of ours.
    const small = { dataSource: { extra: { max: 1 } }, notifications: { poolSize: 1 } };
    const started = await Promise.all(Array.from({ length: 20 }, () => start(small)));
    expect(await done()).toHaveLength(createMigrations('notifications').length);

    // Each of them works.
    await Promise.all(started.map((crm, i) => crm.notifications.notify('ann', { ...T, title: String(i) })));
    expect(await started[0]?.notifications.unreadCount('ann')).toMatchObject({ lastId: 20, unread: 20 });
  });

  test('run from a pipeline: any number of times, at once, then instances with autoMigrate off', async () => {
    await Promise.all(Array.from({ length: 5 }, () => runNotificationsMigrations(options())));
    const dataSource = await new DataSource(options()).initialize();
    await runNotificationsMigrations(dataSource);
    // It is the host's, and stays open.
    expect(await dataSource.query('SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
    await dataSource.destroy();
    expect(await done()).toHaveLength(createMigrations('notifications').length);

    const crm = await start({ notifications: { autoMigrate: false } });
    expect((await crm.notifications.notify('ann', T)).status).toBe('delivered');
  });

  test.each([
    ['the schema is missing', ''],
    ['the tables are missing', 'CREATE SCHEMA notifications'],
    ['a migration is missing', 'INSERT'],
  ])('with autoMigrate off an application does not start while %s', async (_name, prepare) => {
    if (prepare === 'INSERT') {
      await runNotificationsMigrations(options());
      await database.query('TRUNCATE notifications.migration');
    } else if (prepare) await database.query(prepare);
    const before = await shape();
    const module = NotificationsModule.forRoot({
      dataSource: new DataSource(options()),
      autoMigrate: false,
      jwt: { secret: JWT_SECRET },
    });
    const starting = () => NestFactory.createApplicationContext(module, { abortOnError: false, logger: false });
    const { message } = await refusal(starting, 'INVALID_OPTIONS');
    expect(message).toMatch(/notifications.*runNotificationsMigrations\(\)/);
    expect(await shape()).toEqual(before);
  });

  test('reverted and run again', async () => {
    const own = new NotificationsDataSource(options());
    await own.initialize();
    try {
      await own.runMigrations();
      const first = await shape();
      await own.query(`INSERT INTO notifications.outbox (payload) VALUES ('{}')`);
      for (const _ of createMigrations('notifications')) await own.undoLastMigration();
      const left = await database.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'notifications'`);
      expect(left.map(({ tablename }) => tablename)).toEqual(['migration']);
      expect(await done()).toEqual([]);
      await own.runMigrations();
      expect(await shape()).toEqual(first);
      expect(await own.showMigrations()).toBe(false);
    } finally {
      await own.destroy();
    }
  });

  test('leave the host alone: its tables, its migrations, its schema', async () => {
    await database.query('CREATE TABLE migrations (id int); CREATE TABLE message (text text)');
    const crm = await start({ dataSource: { synchronize: true, migrationsRun: true, migrations: [] } });
    expect(crm.dataSource.migrations).toEqual([]);
    expect(crm.dataSource.entityMetadatas).toEqual([]);
    const rows = await database.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`);
    expect(rows.map(({ tablename }) => tablename)).toEqual(['message', 'migrations']);
    // Nor does a synchronize() of the host take ours away.
    await crm.dataSource.synchronize();
    expect((await crm.notifications.notify('ann', T)).status).toBe('delivered');
  });

  test('two schemas in one database have their own', async () => {
    await Promise.all([
      runNotificationsMigrations(options(), { schema: 'one' }),
      runNotificationsMigrations(options(), { schema: 'two' }),
    ]);
    expect(await done('one')).toEqual(await done('two'));
  });

  test('the entities are the tables, column by column', async () => {
    const crm = await start();
    await crm.notifications.notify('ann', { ...T, body: 'B', url: '/u', data: { a: 1 } }, { idempotencyKey: 'k' });
    await crm.notifications.broadcast(T);
    await crm.notifications.notify('ann', T, { deliverAt: '2999-01-01T00:00:00Z' });
    for (const table of Object.values(crm.own.tables)) {
      const repository = crm.own.getRepository<object>(table as never);
      const { tableName, schema, columns } = repository.metadata;
      const actual = await database.query(
        `SELECT column_name, data_type, is_nullable = 'YES' AS nullable FROM information_schema.columns
         WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position`,
        [schema, tableName],
      );
      const declared = columns.map(({ databaseName, type, isNullable }) => ({
        column_name: databaseName,
        data_type: { timestamptz: 'timestamp with time zone', int: 'integer' }[String(type)] ?? type,
        nullable: isNullable,
      }));
      expect({ tableName, columns: declared }).toEqual({ tableName, columns: actual });

      const [row] = await repository.find();
      expect(Object.keys(row ?? {}).sort()).toEqual(columns.map(({ propertyName }) => propertyName).sort());
    }
    const [item] = await crm.own.getRepository(crm.own.tables.inboxItem).find({ where: { recipientId: 'ann' } });
    expect(item).toMatchObject({ tenantId: '', id: '1', readAt: null, createdAt: expect.any(Date) });
  });

  test('the entities describe the schema well enough for TypeORM to find nothing to drop or add', async () => {
    const crm = await start();
    const { upQueries } = await crm.own.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  test('their statements are the same whatever the limits of this version are', async () => {
    const statements = async () => {
      const texts: string[] = [];
      for (const Migration of createMigrations('notifications')) {
        const migration = new Migration();
        for (const step of ['up', 'down'] as const) {
          await migration[step]({ query: async (text: string) => void texts.push(text) } as never);
        }
      }
      return texts;
    };
    const before = await statements();
    const limits = LIMITS as Record<string, number>;
    const original = { ...limits };
    for (const name of Object.keys(limits)) limits[name] = 7;
    try {
      expect(await statements()).toEqual(before);
    } finally {
      Object.assign(limits, original);
    }
  });

  test('the constraints of the tables are the limits of this version', async () => {
    await runNotificationsMigrations(options());
    const rows = await database.query<{ table: string; text: string }>(`
      SELECT conrelid::regclass::text AS table, pg_get_constraintdef(oid) AS text FROM pg_constraint
      WHERE contype = 'c' AND connamespace = 'notifications'::regnamespace
      UNION ALL
      SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'notifications'`);
    const greatest = (table: string, column: string) => {
      const found = rows.flatMap(({ table: name, text }) => {
        const [, number] = new RegExp(`\\b${column}(?:\\)?::text)?\\) <= (\\d+)`).exec(text) ?? [];
        return name === `notifications.${table}` && number ? [Number(number)] : [];
      });
      return found;
    };
    expect({
      ...{ type: greatest('message', 'type'), title: greatest('message', 'title'), body: greatest('message', 'body') },
      ...{ url: greatest('message', 'url'), data: greatest('message', 'data') },
      ids: [
        ...greatest('message', 'tenant_id'),
        ...greatest('message', 'idempotency_key'),
        ...greatest('inbox', 'tenant_id'),
        ...greatest('inbox', 'recipient_id'),
      ],
    }).toEqual({
      ...{ type: [LIMITS.type], title: [LIMITS.title], body: [LIMITS.body], url: [LIMITS.url] },
      data: [2 * LIMITS.dataBytes],
      ids: [LIMITS.id, LIMITS.id, LIMITS.id, LIMITS.id],
    });
    const [payload] = rows.filter(({ text }) => text.includes('octet_length((payload)::text)'));
    expect(Number(/LEAST\((\d+)/i.exec(payload?.text ?? '')?.[1])).toBeGreaterThan(
      LIMITS.recipients * (4 * LIMITS.id + 4) + 4 * (LIMITS.body + LIMITS.title) + 2 * LIMITS.dataBytes,
    );
    const attempts = rows.flatMap(({ text }) => /attempts < (\d+)/.exec(text)?.[1] ?? []);
    expect(attempts).toEqual([String(MAX_ATTEMPTS), String(MAX_ATTEMPTS)]);
  });
});
