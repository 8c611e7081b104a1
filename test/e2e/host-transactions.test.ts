import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Injectable, Module } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import {
  Column,
  DataSource,
  Entity,
  type EntityManager,
  type EntitySubscriberInterface,
  EventSubscriber,
  PrimaryGeneratedColumn,
  type QueryRunner,
  Repository,
} from 'typeorm';
import { NotificationsModule } from '../../src/notifications/index.js';
import { accessToken, createMigratedDatabase, JWT_SECRET } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { type HostApp, startHost } from '../support/host-app.js';
import { StreamClient } from '../support/stream-client.js';

@Entity()
class Deal {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text')
  owner!: string;
}

/** The host's own. */
@EventSubscriber()
class Audit implements EntitySubscriberInterface<Deal> {
  static readonly seen: string[] = [];
  listenTo = () => Deal;
  afterInsert = () => void Audit.seen.push('insert');
  afterTransactionCommit = () => void Audit.seen.push('commit');
}

@Injectable()
class Deals {
  constructor(@InjectRepository(Deal) readonly repository: Repository<Deal>) {}
}

@Module({ imports: [TypeOrmModule.forFeature([Deal])], providers: [Deals], exports: [Deals] })
class DealsModule {}

describe("The host's transactions, in every way that TypeORM has", () => {
  let database: TestDatabase;
  let host: HostApp;
  let dataSource: DataSource;
  let client: StreamClient;
  let count = 0;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    const typeOrm = TypeOrmModule.forRoot({
      type: 'postgres',
      url: database.url,
      autoLoadEntities: true,
      synchronize: true,
      subscribers: [Audit],
    });
    const notifications = NotificationsModule.forRoot({ jwt: { secret: JWT_SECRET } });
    host = await startHost({ imports: [typeOrm, DealsModule, notifications] });
    dataSource = host.app.get(DataSource);
    client = await StreamClient.open(host.url, await accessToken('ann'));
  });

  afterAll(async () => {
    client.close();
    await host.close();
    await database.drop();
  });

  const notify = (title: string, manager?: EntityManager) =>
    host.notifications.notify('ann', { type: 't', title }, { manager });

  /** What has arrived since the last time, `titles` and nothing else; something sent later shows that no more comes. */
  async function expectArrived(...titles: string[]): Promise<void> {
    const seen = () => client.of('message').map((frame) => frame.data.title);
    await client.until(() => seen().length >= count + titles.length);
    await dataSource.transaction((manager) => notify('the end', manager));
    await client.until(() => seen().includes('the end', count));
    expect(seen().slice(count)).toEqual([...titles, 'the end']);
    count += titles.length + 1;
  }

  async function withRunner(work: (runner: QueryRunner) => Promise<void>): Promise<void> {
    const runner = dataSource.createQueryRunner();
    try {
      await work(runner);
    } finally {
      await runner.release();
    }
  }

  test('dataSource.transaction', async () => {
    await dataSource.transaction((manager) => notify('committed', manager));
    const lost = dataSource.transaction(async (manager) => {
      await notify('rolled back', manager);
      throw new Error('no');
    });
    await expect(lost).rejects.toThrow('no');
    await expectArrived('committed');
  });

  test('manager.transaction in it: savepoints take theirs with them', async () => {
    await dataSource.transaction(async (manager) => {
      await notify('outer, before', manager);
      await manager.transaction(async (inner) => {
        await notify('inner', inner);
        await inner
          .transaction(async (innermost) => {
            await notify('innermost, rolled back', innermost);
            throw new Error('no');
          })
          .catch(() => undefined);
      });
      await notify('outer, after', manager);
    });
    await dataSource
      .transaction(async (manager) => {
        await manager.transaction((inner) => notify('savepoint released, transaction rolled back', inner));
        throw new Error('no');
      })
      .catch(() => undefined);
    await expectArrived('outer, before', 'inner', 'outer, after');
  });

  test('a QueryRunner by hand, used again after a commit and after a rollback', async () => {
    await withRunner(async (runner) => {
      await runner.connect();
      await runner.startTransaction();
      await notify('first', runner.manager);
      await runner.commitTransaction();
      await runner.startTransaction('SERIALIZABLE');
      await notify('rolled back', runner.manager);
      await runner.rollbackTransaction();
      await runner.startTransaction('REPEATABLE READ');
      await notify('third', runner.manager);
      await runner.commitTransaction();
      // Outside of a transaction each statement commits by itself.
      await notify('autocommitted', runner.manager);
    });
    await expectArrived('first', 'third', 'autocommitted');
  });

  test('a manager that has no transaction of its own', async () => {
    await notify('by dataSource.manager', dataSource.manager);
    await expectArrived('by dataSource.manager');
  });

  test("a repository's manager, in and out of a transaction", async () => {
    const { repository } = host.app.get(Deals);
    await dataSource.transaction(async (manager) => {
      const deals = manager.withRepository(repository);
      const deal = await deals.save({ owner: 'ann' });
      await notify(`deal ${deal.owner}`, deals.manager);
    });
    await notify("a repository's", repository.manager);
    await expectArrived('deal ann', "a repository's");
    expect(Audit.seen).toEqual(expect.arrayContaining(['insert', 'commit']));
  });

  test('after the transaction the manager is refused, and nothing is sent', async () => {
    let kept: EntityManager | undefined;
    await dataSource.transaction(async (manager) => {
      kept = manager;
      await manager.query('SELECT 1');
    });
    await expect(notify('too late', kept)).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
    await withRunner(async (runner) => {
      await runner.release();
      await expect(notify('released', runner.manager)).rejects.toMatchObject({ code: 'TRANSACTION_OVER' });
    });
    await expectArrived();
  });

  test('wrong arguments leave the transaction usable', async () => {
    await dataSource.transaction(async (manager) => {
      await expect(notify('', manager)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
      await notify('still works', manager);
    });
    await expectArrived('still works');
  });

  test('another DataSource of the same database will do; one of another database is refused', async () => {
    const second = await new DataSource({ type: 'postgres', url: database.url }).initialize();
    await second.transaction((manager) => notify('through the second', manager));
    await expectArrived('through the second');
    expect(second.subscribers).toHaveLength(1);

    const other = await createMigratedDatabase();
    const foreign = await new DataSource({ type: 'postgres', url: other.url }).initialize();
    await foreign.transaction(async (manager) => {
      await expect(notify('foreign', manager)).rejects.toMatchObject({ code: 'WRONG_DATABASE' });
      expect(await manager.query('SELECT 1 AS fine')).toEqual([{ fine: 1 }]);
    });
    expect(foreign.subscribers).toEqual([]);
    await Promise.all([second.destroy(), foreign.destroy()]);
    await other.drop();
  });

  test("a commit that fails is the host's to see, and sends nothing", async () => {
    await database.query(
      'CREATE TABLE pair (id int PRIMARY KEY, of int REFERENCES pair DEFERRABLE INITIALLY DEFERRED)',
    );
    const failing = dataSource.transaction(async (manager) => {
      await notify('not committed', manager);
      await manager.query('INSERT INTO pair VALUES (1, 2)');
    });
    await expect(failing).rejects.toThrow('violates foreign key constraint');
    await expectArrived();
  });

  test("our part of a commit never fails the host's transaction, not even while we close", async () => {
    const own = await startHost({
      imports: [NotificationsModule.forRoot({ dataSource, jwt: { secret: JWT_SECRET } })],
    });
    await own.notifications.notify('ben', { type: 't', title: 'warm up' }, { manager: dataSource.manager });
    const committed = dataSource.transaction(async (manager) => {
      await own.notifications.notify('ann', { type: 't', title: 'while it closes' }, { manager });
      await own.close();
      return 'committed';
    });
    await expect(committed).resolves.toBe('committed');
    await expectArrived('while it closes');
    // Ours of `own` is gone; the host's, and that of the application that goes on, are still there.
    expect(dataSource.subscribers.filter((subscriber) => !(subscriber instanceof Audit))).toHaveLength(1);
  });
});
