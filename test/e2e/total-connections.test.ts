import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { ConnectionCounts } from '../../src/notifications/inbox/connection-counts.js';
import { NotificationsDataSource, type Statement } from '../../src/notifications/inbox/database.js';
import type { Recipient } from '../../src/notifications/index.js';
import { Colleague } from '../demo/colleague.js';
import { DemoProcess } from '../demo/demo-process.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startPrivatePostgres } from '../support/postgres-server.js';
import { StreamClient } from '../support/stream-client.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

jest.setTimeout(90_000);

const onEnd = useCleanup();

/** Every instance tells its numbers each three seconds; the machine may be busy. */
const PATIENCE = { timeoutMs: 30_000 };

describe('totalConnections()', () => {
  let database: TestDatabase;
  let instances: CrmApp[];
  const clients: StreamClient[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    instances = await Promise.all(Array.from({ length: 3 }, () => startCrmApp(database)));
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  afterAll(async () => {
    await Promise.all(instances.map((crm) => crm.close()));
    await database.drop();
  });

  async function open(crm: CrmApp | undefined, user: string, tenant?: string): Promise<StreamClient> {
    const token = await accessToken(user, tenant === undefined ? {} : { tenant });
    const client = await StreamClient.open((crm as CrmApp).url, token);
    clients.push(client);
    return client;
  }

  /** On every instance. */
  async function expectTotal(total: number, recipient?: Recipient): Promise<void> {
    await eventually(async () => {
      const totals = await Promise.all(instances.map((crm) => crm.notifications.totalConnections(recipient)));
      expect(totals).toEqual(instances.map(() => total));
    }, PATIENCE);
  }

  async function rowsOf(recipient: string) {
    return await database.query('SELECT * FROM notifications.connection_count WHERE recipient_id = $1', [recipient]);
  }

  test('is right on every instance: of all, and of one recipient in one tenant; and follows who comes and goes', async () => {
    const [first, second, third] = instances;
    const [leaving] = await Promise.all([
      open(first, 'alice'),
      open(first, 'alice'),
      open(second, 'alice'),
      open(third, 'bob'),
      open(third, 'alice', 'acme'),
    ]);
    await expectTotal(5);
    await expectTotal(3, 'alice');
    await expectTotal(1, 'bob');
    await expectTotal(1, { tenant: 'acme', id: 'alice' });
    await expectTotal(0, 'nobody');

    leaving.close();
    await open(second, 'bob');
    await expectTotal(2, 'alice');
    await expectTotal(2, 'bob');
    await expectTotal(5);
    expect(first?.notifications.connections()).toBe(1);
  });

  test('of what is no recipient is refused', async () => {
    const [crm] = instances;
    await expect(crm?.notifications.totalConnections('')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('an instance that is closed counts no more, at once, and leaves no rows', async () => {
    const leaving = await startCrmApp(database);
    await Promise.all([open(leaving, 'carl'), open(instances[0], 'carl')]);
    await expectTotal(2, 'carl');
    await leaving.close();
    expect(await rowsOf('carl')).toHaveLength(1);
    expect(await database.query('SELECT FROM notifications.instance')).toHaveLength(instances.length);
    await expect(leaving.notifications.totalConnections()).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('an instance that is killed counts for half a minute, and its rows go some time after', async () => {
    const demo = await DemoProcess.start({ DATABASE_URL: database.url });
    await open(instances[0], 'dana');
    await expectTotal(1, 'dana');
    const [living] = await rowsOf('dana');
    const colleague = await Colleague.open(demo.url, 'dana');
    await expectTotal(2, 'dana');
    await demo.end('SIGKILL');
    colleague.close();
    const dead = (await rowsOf('dana')).find((row) => row.instance_id !== living?.instance_id);
    const wasSeen = (secondsAgo: number) =>
      database.query("UPDATE notifications.instance SET seen_at = now() - $1 * interval '1 second' WHERE id = $2", [
        secondsAgo,
        dead?.instance_id,
      ]);
    await wasSeen(20);
    expect(await instances[0]?.notifications.totalConnections('dana')).toBe(2);
    await wasSeen(31);
    expect(await instances[0]?.notifications.totalConnections('dana')).toBe(1);
    await wasSeen(301);
    await eventually(async () => {
      const left = await database.query(
        `SELECT FROM notifications.instance WHERE id = $1
         UNION ALL SELECT FROM notifications.connection_count WHERE instance_id = $1`,
        [dead?.instance_id],
      );
      expect(left).toEqual([]);
    }, PATIENCE);
  });

  test('an instance whose rows were cleared away, as it was silent for long, tells everything anew', async () => {
    await Promise.all([open(instances[0], 'erin'), open(instances[1], 'erin')]);
    await expectTotal(2, 'erin');
    await database.query('DELETE FROM notifications.connection_count');
    await database.query('DELETE FROM notifications.instance');
    await expectTotal(2, 'erin');
  });

  test('instances that all come back after a long silence do not wait for each other', async () => {
    await database.query(
      "INSERT INTO notifications.instance VALUES (gen_random_uuid(), now() - interval '10 minutes')",
    );
    await instances[0]?.dataSource.transaction(async (manager) => {
      // As its own report would, while it is under way.
      await manager.query("SELECT FROM notifications.instance WHERE seen_at < now() - interval '5 minutes' FOR UPDATE");
      await open(instances[1], 'fred');
      await expectTotal(1, 'fred');
    });
    await eventually(async () => {
      expect(await database.query('SELECT FROM notifications.instance')).toHaveLength(instances.length);
    }, PATIENCE);
  });

  test('does not wait for a Postgres that is slow, nor keeps anybody else from it', async () => {
    const [crm, other] = instances as [CrmApp, CrmApp];
    const client = await open(other, 'gwen');
    await crm.dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE notifications.connection_count IN ACCESS EXCLUSIVE MODE');
      const asked = Array.from({ length: 50 }, (_, i) =>
        crm.notifications.totalConnections(i % 2 ? `user ${i}` : undefined),
      );
      const answers = Promise.allSettled(asked);
      await eventually(async () => {
        const waiting = await database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
             AND query LIKE '%SELECT coalesce(sum(c.connections)%'`,
        );
        expect(waiting).not.toEqual([]);
      });
      await crm.notifications.notify('gwen', { type: 't', title: 'not held up' });
      await client.until(() => client.ids.length === 1);
      for (const answer of await answers) {
        expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'DATABASE_UNAVAILABLE' } });
      }
    });
    await expectTotal(1, 'gwen');
  });
});

test('After a crash of Postgres, which empties the unlogged tables, the numbers are soon right again', async () => {
  const postgres = await startPrivatePostgres();
  onEnd(() => postgres.dispose());
  const instances = await Promise.all([startCrmApp(postgres), startCrmApp(postgres)]);
  const [first, second] = instances as [CrmApp, CrmApp];
  for (const crm of instances) onEnd(() => crm.close());
  const [alice, bob] = await Promise.all([accessToken('alice'), accessToken('bob')]);
  const clients = await Promise.all([
    StreamClient.open(first.url, alice),
    StreamClient.open(second.url, alice),
    StreamClient.open(second.url, bob),
  ]);
  const expectTotals = () =>
    eventually(async () => {
      for (const { notifications } of instances) {
        expect([await notifications.totalConnections(), await notifications.totalConnections('alice')]).toEqual([3, 2]);
      }
    }, PATIENCE);
  await expectTotals();
  await postgres.stop('immediate');
  await expect(first.notifications.totalConnections()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await postgres.start();
  await expectTotals();
  expect(clients.map((client) => client.ended)).toEqual([false, false, false]);
  for (const client of clients) client.close();
});

test('Who left after a report whose answer was lost is not counted for good', async () => {
  const database = await createMigratedDatabase();
  onEnd(() => database.drop());
  const parts = await StreamParts.start(database.url);
  onEnd(() => parts.close());
  const hub = parts.hub();
  const staying = hub.connect({ tenant: '', recipient: 'alice' }, new Collected().sink);
  const leaving = hub.connect({ tenant: '', recipient: 'bob' }, new Collected().sink);
  const own = new NotificationsDataSource({ type: 'postgres', url: database.url });
  await own.initialize();
  onEnd(() => own.destroy());
  let reports = 0;
  const counts = new ConnectionCounts(
    Object.assign(Object.create(own) as NotificationsDataSource, {
      run: async (statement: Statement, values: unknown[]) => {
        const rows = await own.run(statement, values);
        if (statement.name === 'counts_report') reports += 1;
        if (statement.name !== 'counts_report' || reports > 1) return rows;
        leaving.close();
        throw new Error('The answer was lost.');
      },
    }),
    hub,
    () => {},
  );
  onEnd(() => counts.close());
  counts.start();
  await eventually(() => expect(reports).toBeGreaterThan(1), PATIENCE);
  await eventually(async () => expect(await counts.total()).toBe(1), PATIENCE);
  staying.close();
});
