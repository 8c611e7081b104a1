import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { DataSource } from 'typeorm';
import {
  NotificationService,
  NotificationsModule,
  type NotificationsOptions,
  runNotificationsMigrations,
} from '../../src/notifications/index.js';
import { JWT_SECRET } from '../support/crm-app.js';
import { blocks } from '../support/documents.js';
import { eventually } from '../support/eventually.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/postgres-server.js';
import { refusal } from '../support/refusal.js';

const T = { type: 't', title: 'T' };

/** Roles belong to a whole server: these tests have one of their own, and leave that of DATABASE_URL alone. */
describe('A role with few rights', () => {
  let server: PrivatePostgres;
  let admin: pg.Client;

  beforeAll(async () => {
    server = await startPrivatePostgres();
    admin = new pg.Client(server.url);
    await admin.connect();
    await admin.query('CREATE ROLE crm LOGIN; CREATE ROLE reporting LOGIN');
  });
  beforeEach(async () => {
    await admin.query(`
      DROP SCHEMA IF EXISTS notifications CASCADE;
      REVOKE CREATE ON DATABASE postgres FROM crm;
      DROP TABLE IF EXISTS deal; CREATE TABLE deal (name text); GRANT ALL ON deal TO crm, reporting`);
  });
  afterAll(async () => {
    await admin.end();
    await server.dispose();
  });

  const as = (role: string) => {
    const url = new URL(server.url);
    url.username = role;
    return { type: 'postgres', url: url.href } as const;
  };

  async function withApp(
    options: NotificationsOptions,
    use: (service: NotificationService, host: DataSource) => Promise<void> = async () => {},
  ): Promise<void> {
    const host = await new DataSource(as('crm')).initialize();
    try {
      const module = NotificationsModule.forRoot({ dataSource: host, jwt: { secret: JWT_SECRET }, ...options });
      const app = await NestFactory.createApplicationContext(module, { abortOnError: false, logger: false });
      try {
        await use(app.get(NotificationService), host);
      } finally {
        await app.close();
      }
    } finally {
      await host.destroy();
    }
  }

  async function useEverything(service: NotificationService, host: DataSource): Promise<void> {
    await service.notify('ann', T);
    await host.transaction((manager) => service.notify('ann', T, { manager }));
    await service.broadcast(T);
    await eventually(async () => expect(await service.unreadCount('ann')).toMatchObject({ lastId: 3, unread: 3 }));
    await service.markRead('ann', [1]);
    await service.markRead('ann', { upTo: 2 });
    await service.markUnread('ann', [1]);
    await service.remove('ann', [2]);
    await service.disconnect('ann');
    expect(await service.list('ann')).toMatchObject({ items: [{ id: 3 }, { id: 1 }], unread: 2 });
  }

  test('may not create a schema: the application does not start, and says what would let it', async () => {
    const { message, cause } = await refusal(() => withApp({}), 'INVALID_OPTIONS');
    expect(message).toMatch(/permission denied for database postgres/);
    expect(message).toMatch(
      /Make it the owner of that schema; or let another role call runNotificationsMigrations\(\)/,
    );
    expect(cause).toMatchObject({ driverError: { code: '42501' } });
  });

  test('may not create tables in a schema that is there', async () => {
    await admin.query('CREATE SCHEMA notifications; GRANT USAGE ON SCHEMA notifications TO crm');
    const { message } = await refusal(() => withApp({}), 'INVALID_OPTIONS');
    expect(message).toMatch(/permission denied for schema notifications/);
  });

  test('may not even look into the schema, with autoMigrate off', async () => {
    await runNotificationsMigrations({ type: 'postgres', url: server.url });
    const { message } = await refusal(() => withApp({ autoMigrate: false }), 'INVALID_OPTIONS');
    expect(message).toMatch(/permission denied for schema notifications/);
  });

  test('owns a schema that the administrator has created, without CREATE on the database', async () => {
    await admin.query('CREATE SCHEMA notifications AUTHORIZATION crm');
    await withApp({}, useEverything);
  });

  test('only reads and writes the rows of tables that the administrator has migrated', async () => {
    await runNotificationsMigrations({ type: 'postgres', url: server.url });
    await admin.query(`GRANT USAGE ON SCHEMA notifications TO crm;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA notifications TO crm`);
    for (const autoMigrate of [false, true]) {
      await admin.query('TRUNCATE notifications.message, notifications.inbox, notifications.inbox_item');
      await admin.query('TRUNCATE notifications.broadcast, notifications.broadcast_counter');
      await withApp({ autoMigrate }, useEverything);
    }
  });

  test('may not read a table that a later version has brought: the start says which', async () => {
    await runNotificationsMigrations({ type: 'postgres', url: server.url });
    await admin.query(`GRANT USAGE ON SCHEMA notifications TO crm;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA notifications TO crm;
      REVOKE ALL ON notifications.broker_key FROM crm`);
    const { message } = await refusal(() => withApp({}), 'INVALID_OPTIONS');
    expect(message).toMatch(/permission denied for table broker_key.*GRANT this one/);
  });

  test('sends by plain SQL with what docs/plain-sql.md grants, and can do nothing else', async () => {
    await runNotificationsMigrations({ type: 'postgres', url: server.url });
    const grants = blocks(['docs/plain-sql.md']).filter(({ code }) => code.startsWith('GRANT'));
    expect(grants).toHaveLength(1);
    for (const { code } of grants) await admin.query(code);
    const reporting = await new DataSource(as('reporting')).initialize();
    try {
      await reporting.query(`INSERT INTO notifications.outbox (payload, deliver_at) VALUES ('{}', now())`);
      expect((await admin.query('SELECT payload FROM notifications.outbox')).rows).toEqual([{ payload: {} }]);
      for (const forbidden of [
        'SELECT * FROM notifications.outbox',
        'SELECT * FROM notifications.message',
        'DELETE FROM notifications.outbox',
        'UPDATE notifications.outbox SET attempts = 0',
        `INSERT INTO notifications.outbox (payload, attempts) VALUES ('{}', -32768)`,
      ]) {
        await expect(reporting.query(forbidden)).rejects.toMatchObject({ code: '42501' });
      }
    } finally {
      await reporting.destroy();
    }
  });

  test('of a second DataSource that may not write here: its notify() says so', async () => {
    await admin.query('CREATE SCHEMA notifications AUTHORIZATION crm');
    await withApp({}, async (service) => {
      const reporting = await new DataSource(as('reporting')).initialize();
      try {
        const transaction = reporting.transaction((manager) => service.notify('ann', T, { manager }));
        const { message } = await refusal(() => transaction, 'REJECTED_BY_DATABASE');
        expect(message).toMatch(/permission denied for schema notifications.*Let the role and the transaction write/);
      } finally {
        await reporting.destroy();
      }
    });
  });
});
