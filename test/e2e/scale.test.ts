import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { deliverStatements } from '../../src/notifications/inbox/deliver.statement.js';
import { inboxStatements } from '../../src/notifications/inbox/inbox.statements.js';
import { inProcessBroker } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import {
  accessToken,
  type CrmApp,
  type CrmAppOptions,
  createMigratedDatabase,
  startCrmApp,
} from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { eventually } from '../support/eventually.js';
import { tracesOf } from '../support/inbox-rows.js';
import { rowsOfPlan } from '../support/statement-work.js';
import { StreamClient } from '../support/stream-client.js';

const SLOW_MS = 120_000;
const cleanup = useCleanup();

async function createDatabase(): Promise<TestDatabase> {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  cleanup(() => expectNoDeadlocks(database));
  return database;
}

/** @returns the application, and a way to close it before the end of the test. */
async function start(database: TestDatabase, notifications: CrmAppOptions['notifications'] = {}) {
  const crm = await startCrmApp(database, { notifications });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= crm.close();
    return closing;
  };
  cleanup(close);
  return { ...crm, close };
}

async function listen(crm: CrmApp, recipient: string, lastEventId?: number): Promise<StreamClient> {
  const client = await StreamClient.open(crm.url, await accessToken(recipient), { lastEventId });
  cleanup(() => client.close());
  return client;
}

function titles(client: StreamClient): string[] {
  return client.of('message').map((frame) => frame.data.title);
}

const recipientsOf = (count: number) => Array.from({ length: count }, (_, index) => `recipient ${index}`);
const notification = (title: string) => ({ type: 'test', title });

/** How many inboxes hold how many items: `[{ inboxes: 7, items: 1 }]` is seven with one each. */
async function distribution(database: TestDatabase) {
  return await database.query(
    `SELECT count(*)::int AS inboxes, items FROM (
       SELECT i.recipient_id, count(t.id)::int AS items FROM notifications.inbox i
       LEFT JOIN notifications.inbox_item t USING (tenant_id, recipient_id)
       GROUP BY i.tenant_id, i.recipient_id
       HAVING count(t.id) = max(i.last_id) AND count(t.id) = max(i.unread)) x
     GROUP BY items ORDER BY items`,
  );
}

async function relayed(database: TestDatabase): Promise<void> {
  await eventually(async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]), {
    timeoutMs: SLOW_MS / 2,
  });
}

/** Resolves once that much of a message is stored; a busy machine may need its time for 5,000 recipients. */
async function stored(database: TestDatabase, title: string, expected: object): Promise<void> {
  await eventually(async () => expect(await tracesOf(database, title)).toMatchObject(expected), {
    timeoutMs: SLOW_MS / 4,
  });
}

describe('A message to many', () => {
  test('to 5,000 goes directly, in one statement', async () => {
    const database = await createDatabase();
    const crm = await start(database);
    const client = await listen(crm, 'recipient 4999');
    expect((await crm.notifications.notify(recipientsOf(5_000), notification('to 5,000'))).status).toBe('delivered');
    expect(await distribution(database)).toEqual([{ inboxes: 5_000, items: 1 }]);
    const transactions = await database.query('SELECT DISTINCT xmin::text FROM notifications.inbox_item');
    expect(transactions).toHaveLength(1);
    await client.until(() => titles(client).length === 1);
  });

  test(
    'to 100,000 is queued, reaches each exactly once, and those who are connected live',
    async () => {
      const database = await createDatabase();
      const crm = await start(database);
      const clients = await Promise.all([0, 5_000, 99_999].map((index) => listen(crm, `recipient ${index}`)));
      const result = await crm.notifications.notify(recipientsOf(100_000), notification('to 100,000'));
      expect(result.status).toBe('queued');
      for (const client of clients) await client.until(() => titles(client).length === 1, SLOW_MS / 2);
      await relayed(database);
      expect(await distribution(database)).toEqual([{ inboxes: 100_000, items: 1 }]);
      expect(await tracesOf(database, 'to 100,000')).toEqual({ messages: 1, items: 100_000, outbox: 0 });
      expect(clients.map((client) => client.ids)).toEqual([[1], [1], [1]]);
    },
    SLOW_MS,
  );

  /** Holds the relay in the middle of a large message: in the statement that delivers to this recipient. */
  async function hold(database: TestDatabase, recipient: string) {
    const create = 'INSERT INTO notifications.inbox (recipient_id, broadcast_position) VALUES ($1, 0)';
    await database.query(create, [recipient]);
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    cleanup(() => holder.end());
    await holder.query('BEGIN');
    await holder.query('SELECT FROM notifications.inbox WHERE recipient_id = $1 FOR UPDATE', [recipient]);
    const blocked = async (): Promise<number> => {
      const rows = await database.query<{ pid: number }>(
        `SELECT pid FROM pg_stat_activity
         WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
      );
      expect(rows).toHaveLength(1);
      return rows[0]?.pid as number;
    };
    return {
      blocked: () => eventually(blocked, { timeoutMs: SLOW_MS / 4 }),
      release: () => holder.query('ROLLBACK'),
    };
  }

  test(
    'is finished by another instance when the one that began is closed in the middle',
    async () => {
      const database = await createDatabase();
      const a = await start(database);
      const { blocked, release } = await hold(database, 'recipient 12500');
      await a.notifications.notify(recipientsOf(25_000), notification('in parts'));
      await blocked();
      await stored(database, 'in parts', { messages: 1, items: 10_000, outbox: 1 });
      await a.close();
      await release();
      expect(await tracesOf(database, 'in parts')).toEqual({ messages: 1, items: 10_000, outbox: 1 });

      const b = await start(database);
      const client = await listen(b, 'recipient 24999', 0);
      await client.until(() => titles(client).length === 1);
      await relayed(database);
      expect(await distribution(database)).toEqual([{ inboxes: 25_000, items: 1 }]);
    },
    SLOW_MS,
  );

  test(
    'waits for an inbox that is locked, and others do not',
    async () => {
      const database = await createDatabase();
      const apps = [await start(database), await start(database)];
      const { blocked, release } = await hold(database, 'recipient 7500');
      await apps[0]?.notifications.notify(recipientsOf(25_000), notification('shared'));
      await blocked();
      await stored(database, 'shared', { messages: 1, items: 5_000, outbox: 1 });
      const queued = apps.map((app) =>
        app.dataSource.transaction((manager) =>
          app.notifications.notify('somebody', notification('beside'), { manager }),
        ),
      );
      await Promise.all(queued);
      await stored(database, 'beside', { items: 2, outbox: 0 });
      expect(await tracesOf(database, 'shared')).toMatchObject({ items: 5_000, outbox: 1 });
      await release();
      await relayed(database);
      expect(await tracesOf(database, 'shared')).toEqual({ messages: 1, items: 25_000, outbox: 0 });
    },
    SLOW_MS,
  );

  test(
    'survives a relay whose connection is cut in the middle of a part',
    async () => {
      const database = await createDatabase();
      const crm = await start(database);
      const { blocked, release } = await hold(database, 'recipient 7500');
      await crm.notifications.notify(recipientsOf(15_000), notification('cut'));
      const pid = await blocked();
      await database.query('SELECT pg_terminate_backend($1)', [pid]);
      await release();
      await relayed(database);
      expect(await distribution(database)).toEqual([{ inboxes: 15_000, items: 1 }]);
      expect(await crm.parked.list()).toEqual([]);
    },
    SLOW_MS,
  );
  test(
    'lets nothing that was sent after it overtake one of its parts',
    async () => {
      const database = await createDatabase();
      const crm = await start(database);
      const client = await listen(crm, 'recipient 9999');
      const { blocked, release } = await hold(database, 'recipient 7500');
      await crm.notifications.notify(recipientsOf(15_000), notification('first'));
      await blocked();
      await crm.dataSource.transaction((manager) =>
        crm.notifications.notify('recipient 9999', notification('second'), { manager }),
      );
      await stored(database, 'first', { items: 5_000 });
      await release();
      await client.until(() => titles(client).length === 2, SLOW_MS / 2);
      expect(titles(client)).toEqual(['first', 'second']);
    },
    SLOW_MS,
  );
});

describe('A broadcast', () => {
  test(
    'reaches 1,000 connected recipients on two instances, each exactly once',
    async () => {
      const database = await createDatabase();
      const broker = inProcessBroker();
      const apps = [await start(database, { broker }), await start(database, { broker })];
      const clients: StreamClient[] = [];
      for (let i = 0; i < 1_000; i += 50) {
        const batch = Array.from({ length: 50 }, (_, j) => listen(apps[j % 2] as CrmApp, `recipient ${i + j}`));
        clients.push(...(await Promise.all(batch)));
      }
      // One more each on the other instance: both race to put the broadcast into these inboxes.
      for (let i = 0; i < 20; i++) clients.push(await listen(apps[(i + 1) % 2] as CrmApp, `recipient ${i}`));

      await apps[0]?.notifications.broadcast(notification('to all'));
      for (const client of clients) await client.until(() => titles(client).length === 1, SLOW_MS / 2);
      // Whatever came twice would have come before this one.
      await apps[1]?.notifications.broadcast(notification('to all again'));
      for (const client of clients) await client.until(() => titles(client).length === 2, SLOW_MS / 2);
      for (const client of clients) {
        expect(client.ids).toEqual([1, 2]);
        expect(titles(client)).toEqual(['to all', 'to all again']);
      }
      expect(await distribution(database)).toEqual([{ inboxes: 1_000, items: 2 }]);
    },
    SLOW_MS,
  );

  test('waits for who is away: three in their order, and a newcomer has no history', async () => {
    const database = await createDatabase();
    const crm = await start(database);
    await crm.notifications.broadcast(notification('before anybody'));
    const leaving = await listen(crm, 'away');
    await crm.notifications.notify('by list', notification('direct'));
    await crm.notifications.notify('by count', notification('direct'));
    leaving.close();

    for (const title of ['one', 'two', 'three']) await crm.notifications.broadcast(notification(title));
    const client = await listen(crm, 'away', 0);
    await client.until(() => titles(client).length === 3);
    expect(titles(client)).toEqual(['one', 'two', 'three']);
    expect(client.ids).toEqual([1, 2, 3]);
    const { items, unread } = await crm.notifications.list('by list');
    expect(items.map((item) => item.title)).toEqual(['three', 'two', 'one', 'direct']);
    expect(unread).toBe(4);
    expect(await crm.notifications.unreadCount('by count')).toEqual({ lastId: 4, unread: 4, revision: 0 });

    expect(await crm.notifications.unreadCount('newcomer by count')).toMatchObject({ lastId: 0, unread: 0 });
    expect(await crm.notifications.list('newcomer by list')).toMatchObject({ items: [], lastId: 0 });
    const newcomer = await listen(crm, 'newcomer', 0);
    await crm.notifications.notify('newcomer', notification('direct'));
    await crm.notifications.broadcast(notification('four'));
    await newcomer.until(() => titles(newcomer).length === 2);
    expect(titles(newcomer)).toEqual(['direct', 'four']);
  });

  test('is put into an inbox once, however many ask for it at the same time', async () => {
    const database = await createDatabase();
    const apps = [await start(database), await start(database)];
    const recipients = recipientsOf(20);
    await apps[0]?.notifications.notify(recipients, notification('direct'));
    for (const title of ['one', 'two', 'three']) await apps[0]?.notifications.broadcast(notification(title));
    await Promise.all(
      recipients.flatMap((recipient) =>
        apps.flatMap(({ notifications }) => [
          notifications.unreadCount(recipient),
          notifications.list(recipient),
          notifications.notify(recipient, notification('meanwhile')),
        ]),
      ),
    );
    expect(await distribution(database)).toEqual([{ inboxes: 20, items: 6 }]);
    const { items } = (await apps[0]?.notifications.list('recipient 0')) ?? { items: [] };
    const broadcasts = items.map((item) => item.title).filter((title) => !/direct|meanwhile/.test(title));
    expect(broadcasts).toEqual(['three', 'two', 'one']);
  });

  test('belongs to its transaction, and one that has expired is passed over', async () => {
    const database = await createDatabase();
    const crm = await start(database);
    const { notifications, dataSource } = crm;
    const client = await listen(crm, 'user');
    const rolledBack = dataSource.transaction(async (manager) => {
      await notifications.broadcast(notification('rolled back'), { manager });
      throw new Error('on purpose');
    });
    await expect(rolledBack).rejects.toThrow('on purpose');
    const queued = await dataSource.transaction((manager) =>
      notifications.broadcast(notification('committed'), { manager }),
    );
    expect(queued.status).toBe('queued');
    await client.until(() => titles(client).length === 1);
    client.close();
    await eventually(() => expect(notifications.connections('user')).toBe(0));

    await notifications.broadcast(notification('expired'), { expiresAt: new Date(Date.now() + 60_000) });
    await database.query(`UPDATE notifications.message SET expires_at = now() WHERE title = 'expired'`);
    await notifications.broadcast(notification('born expired'), { expiresAt: new Date(Date.now() - 60_000) });
    await notifications.broadcast(notification('last'));
    const again = await listen(crm, 'user', 0);
    await again.until(() => titles(again).length === 2);
    expect(titles(again)).toEqual(['committed', 'last']);
    expect(again.ids).toEqual([1, 2]);
    expect(await notifications.unreadCount('user')).toEqual({ lastId: 2, unread: 2, revision: 0 });
  });
});

describe('The work of a statement grows with its recipients, not with their square', () => {
  const COUNT = 2_000;
  const recipients = recipientsOf(COUNT);
  const tenants = recipients.map(() => '');

  test('direct delivery and the relay', async () => {
    const database = await createDatabase();
    const sql = deliverStatements('notifications');
    const payload = JSON.stringify({ ...notification('to many'), recipients });
    expect(await rowsOfPlan(database, sql.deliver.text, [`[${payload}]`])).toBeLessThan(50 * COUNT);
    const [row] = await database.query<{ pos: string }>(
      'INSERT INTO notifications.outbox (payload) VALUES ($1) RETURNING pos',
      [payload],
    );
    expect(await rowsOfPlan(database, sql.relay.relayNotifications.text, [[row?.pos]])).toBeLessThan(50 * COUNT);
    expect(await distribution(database)).toEqual([{ inboxes: COUNT, items: 2 }]);
  });

  test('a broadcast to connected recipients, in a tenant with many old ones', async () => {
    const database = await createDatabase();
    const { materialise } = inboxStatements('notifications');
    const crm = await start(database);
    await Promise.all(recipientsOf(COUNT).map((title) => crm.notifications.broadcast(notification(title))));
    await crm.notifications.notify(recipients, notification('direct'));
    for (const title of ['one', 'two']) await crm.notifications.broadcast(notification(title));
    expect(await rowsOfPlan(database, materialise.text, [tenants, recipients])).toBeLessThan(50 * COUNT);
    expect(await distribution(database)).toEqual([{ inboxes: COUNT, items: 3 }]);
    // Nothing is left to do.
    expect(await rowsOfPlan(database, materialise.text, [tenants, recipients])).toBeLessThan(50 * COUNT);
  });
});
