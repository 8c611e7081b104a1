import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DataSource } from 'typeorm';
import type { Notification } from '../../src/notifications/index.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startPrivatePostgres } from '../support/postgres-server.js';
import { refusal, storedRows } from '../support/refusal.js';

const GOOD: Notification = { type: 'deal.assigned', title: 'Acme is yours now' };

describe('The manager of a notification', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  const opened: DataSource[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    await database.query('CREATE TABLE deal (name text)');
  });
  beforeEach(async () => {
    crm = await startCrmApp(database);
  });
  afterEach(async () => {
    for (const dataSource of opened.splice(0)) await dataSource.destroy();
    await crm.close();
    await database.query(`TRUNCATE deal, notifications.message, notifications.inbox, notifications.inbox_item,
      notifications.outbox`);
  });
  afterAll(() => database.drop());

  async function open(url: string): Promise<DataSource> {
    const dataSource = await new DataSource({ type: 'postgres', url }).initialize();
    opened.push(dataSource);
    return dataSource;
  }

  const titles = async (recipient: string) => (await crm.notifications.list(recipient)).items.map(({ title }) => title);

  test.each(['committed', 'rolled back'])('whose transaction is over, %s', async (end) => {
    let manager = crm.dataSource.manager;
    const transaction = crm.dataSource.transaction(async (own) => {
      manager = own;
      if (end === 'rolled back') throw new Error(end);
    });
    await transaction.catch(() => undefined);
    const { message } = await refusal(() => crm.notifications.notify('ann', GOOD, { manager }), 'TRANSACTION_OVER');
    expect(message).toMatch(/has ended.*Await notify\(\) inside the transaction, or leave `manager` out/);
    await refusal(() => crm.notifications.broadcast(GOOD, { manager }), 'TRANSACTION_OVER');
    expect(await storedRows(database)).toEqual({});
  });

  test('whose transaction has failed', async () => {
    const transaction = crm.dataSource.transaction(async (manager) => {
      await manager.query(`INSERT INTO deal VALUES ('never')`);
      await expect(manager.query('SELECT 1/0')).rejects.toThrow('division by zero');
      const error = await refusal(() => crm.notifications.notify('ann', GOOD, { manager }), 'TRANSACTION_OVER');
      expect(error.message).toMatch(/has failed.*Let it roll back/);
      expect(error.cause).toMatchObject({ driverError: { code: '25P02' } });
      throw error;
    });
    await expect(transaction).rejects.toThrow('has failed');
    expect(await storedRows(database)).toEqual({});
  });

  test('whose savepoint has failed can notify once that is rolled back', async () => {
    await crm.dataSource.transaction(async (manager) => {
      const nested = manager.transaction(async (inner) => {
        await crm.notifications.notify('ann', { ...GOOD, title: 'never' }, { manager: inner });
        await inner.query('SELECT 1/0');
      });
      await expect(nested).rejects.toThrow('division by zero');
      await crm.notifications.notify('ann', GOOD, { manager });
    });
    await eventually(async () => expect(await titles('ann')).toEqual([GOOD.title]));
  });

  test('in a read-only transaction', async () => {
    const transaction = crm.dataSource.transaction(async (manager) => {
      await manager.query('SET TRANSACTION READ ONLY');
      await crm.notifications.notify('ann', GOOD, { manager });
    });
    const { message } = await refusal(() => transaction, 'REJECTED_BY_DATABASE');
    expect(message).toMatch(/read-only transaction.*Let the role and the transaction write/);
  });

  test('of another database on the same server, even one with the same tables', async () => {
    const other = await createMigratedDatabase();
    await other.query('CREATE TABLE deal (name text)');
    const foreign = await new DataSource({ type: 'postgres', url: other.url }).initialize();
    try {
      await foreign.transaction(async (manager) => {
        await manager.query(`INSERT INTO deal VALUES ('kept')`);
        const { message } = await refusal(() => crm.notifications.notify('ann', GOOD, { manager }), 'WRONG_DATABASE');
        expect(message).toMatch(/another database.*Use a manager of the DataSource that is named in the option/);
        await refusal(() => crm.notifications.broadcast(GOOD, { manager }), 'WRONG_DATABASE');
      });
      // The host's transaction was left as it was.
      expect(await other.query('SELECT name FROM deal')).toEqual([{ name: 'kept' }]);
      expect(await storedRows(other)).toEqual({});
      expect(await storedRows(database)).toEqual({});
    } finally {
      await foreign.destroy();
      await other.drop();
    }
  });

  test('of another server, with and without such tables', async () => {
    const server = await startPrivatePostgres();
    try {
      const foreign = await new DataSource({ type: 'postgres', url: server.url }).initialize();
      try {
        for (const prepare of ['CREATE TABLE deal (name text)', 'CREATE SCHEMA notifications']) {
          await foreign.query(prepare);
          await foreign.transaction(async (manager) => {
            await manager.query(`INSERT INTO deal VALUES ('kept')`);
            await refusal(() => crm.notifications.notify('ann', GOOD, { manager }), 'WRONG_DATABASE');
          });
        }
        expect(await foreign.query('SELECT count(*)::int AS n FROM deal')).toEqual([{ n: 2 }]);
      } finally {
        await foreign.destroy();
      }
    } finally {
      await server.dispose();
    }
  });

  test('of a second DataSource to the same database is as good as the first', async () => {
    const second = await open(database.url);
    await second.transaction(async (manager) => {
      await manager.query(`INSERT INTO deal VALUES ('Acme')`);
      const sent = await crm.notifications.notify('ann', GOOD, { manager });
      expect(sent.status).toBe('queued');
      expect(await titles('ann')).toEqual([]);
    });
    await eventually(async () => expect(await titles('ann')).toEqual([GOOD.title]));
    const lost = second.transaction(async (manager) => {
      await crm.notifications.notify('ann', { ...GOOD, title: 'never' }, { manager });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    expect(await storedRows(database)).toEqual({ message: 1, inbox: 1, inbox_item: 1 });
  });

  test('that is in no transaction stores at once', async () => {
    const runner = crm.dataSource.createQueryRunner();
    await runner.startTransaction();
    await runner.commitTransaction();
    for (const manager of [crm.dataSource.manager, runner.manager]) {
      expect((await crm.notifications.notify('ann', GOOD, { manager })).status).toBe('queued');
    }
    await runner.release();
    await eventually(async () => expect(await titles('ann')).toHaveLength(2));
  });

  test('is no DataSource and no QueryRunner', async () => {
    const runner = crm.dataSource.createQueryRunner();
    for (const manager of [crm.dataSource, runner] as never[]) {
      const { message } = await refusal(() => crm.notifications.notify('ann', GOOD, { manager }), 'INVALID_ARGUMENT');
      expect(message).toMatch(/^manager must be the EntityManager of your transaction/);
    }
    await runner.release();
    expect(await storedRows(database)).toEqual({});
  });

  test('whose transaction has lost its connection', async () => {
    const transaction = crm.dataSource.transaction(async (manager) => {
      const [{ pid }] = await manager.query('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1)', [pid]);
      await eventually(() => expect(manager.queryRunner?.isReleased).toBe(true));
      await crm.notifications.notify('ann', GOOD, { manager });
    });
    await refusal(() => transaction, 'TRANSACTION_OVER');
    expect(await storedRows(database)).toEqual({});
  });

  test('whose transaction loses its connection meanwhile', async () => {
    await onInsert('PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL;', async () => {
      const transaction = crm.dataSource.transaction((manager) => crm.notifications.notify('ann', GOOD, { manager }));
      await refusal(() => transaction, 'DATABASE_UNAVAILABLE');
    });
    expect(await storedRows(database)).toEqual({});
  });

  test('whose serialization fails still tells so in the words that hosts repeat transactions for', async () => {
    await onInsert(`RAISE EXCEPTION 'could not serialize access' USING ERRCODE = '40001';`, async () => {
      const transaction = crm.dataSource.transaction((manager) => crm.notifications.notify('ann', GOOD, { manager }));
      await expect(transaction).rejects.toMatchObject({ code: '40001' });
    });
  });

  /** Lets the database do something of its own with each row of the outbox. */
  async function onInsert(body: string, work: () => Promise<void>): Promise<void> {
    await database.query(`CREATE FUNCTION on_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`);
    await database.query('CREATE TRIGGER on_insert BEFORE INSERT ON notifications.outbox EXECUTE FUNCTION on_insert()');
    try {
      await work();
    } finally {
      await database.query('DROP FUNCTION on_insert CASCADE');
    }
  }
});
