import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

const T = { type: 't', title: 'T' };
const cleanup = useCleanup();

/** A moment by the database's clock. */
async function inSeconds(database: TestDatabase, seconds: number): Promise<Date> {
  const sql = "SELECT clock_timestamp() + $1 * interval '1 second' AS moment";
  const [row] = await database.query<{ moment: Date }>(sql, [seconds]);
  return row?.moment as Date;
}

async function hasCome(database: TestDatabase, moment: Date): Promise<void> {
  await eventually(async () => {
    expect(await database.query('SELECT now() >= $1 AS come', [moment])).toEqual([{ come: true }]);
  });
}

/** The application's clock is off by so much; its timers and the database's clock are not. */
function shiftClock(hours: number): void {
  jest.useFakeTimers({
    now: Date.now() + hours * 3_600_000,
    doNotFake: [
      ...(['nextTick', 'setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout', 'setInterval'] as const),
      ...(['clearInterval', 'queueMicrotask', 'performance', 'hrtime'] as const),
    ],
  });
}

describe('deliverAt', () => {
  let database: TestDatabase;
  let crm: CrmApp;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database);
  });
  afterEach(async () => {
    jest.useRealTimers();
    await database.query('TRUNCATE notifications.outbox');
  });
  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  const titles = async (recipient: string) =>
    (await crm.notifications.list(recipient, { limit: 100 })).items.map(({ title }) => title);

  /** Makes rows of the outbox due, one after the other. */
  const makeDue = (order: 'ASC' | 'DESC') =>
    database.query(`
      DO $$ DECLARE p bigint; BEGIN
        FOR p IN SELECT pos FROM notifications.outbox ORDER BY pos ${order} LOOP
          UPDATE notifications.outbox SET deliver_at = '2020-01-01' WHERE pos = p;
        END LOOP;
      END $$`);

  test('what is due sooner comes sooner, and nothing before its time', async () => {
    const late = await inSeconds(database, 2);
    const soon = await inSeconds(database, 0.3);
    for (const [title, deliverAt] of [
      ['late', late],
      ['soon', soon],
    ] as const) {
      expect((await crm.notifications.notify('ann', { ...T, title }, { deliverAt })).status).toBe('queued');
    }
    const { items } = await eventually(async () => {
      const page = await crm.notifications.list('ann');
      expect(page.items.map(({ title }) => title)).toEqual(['late', 'soon']);
      return page;
    });
    const [lateAt, soonAt] = items.map(({ createdAt }) => Date.parse(createdAt)) as [number, number];
    expect(lateAt).toBeGreaterThanOrEqual(late.getTime());
    expect(soonAt).toBeGreaterThanOrEqual(soon.getTime());
  });

  test('a moment that has passed is now; a later one may be moved up and called off by SQL', async () => {
    await crm.notifications.notify('bob', { ...T, title: 'past' }, { deliverAt: '2020-01-01T00:00:00Z' });
    await eventually(async () => expect(await titles('bob')).toEqual(['past']));
    for (const title of ['kept', 'called off']) {
      await crm.notifications.notify('bob', { ...T, title }, { deliverAt: '2999-01-01T00:00:00Z' });
    }
    await database.query(`DELETE FROM notifications.outbox WHERE payload ->> 'title' = 'called off'`);
    await makeDue('ASC');
    await eventually(async () => expect(await titles('bob')).toEqual(['kept', 'past']));
  });

  test('300 of one transaction that are due at once come in its order, however the rows lie on disk', async () => {
    await crm.dataSource.transaction(async (manager) => {
      for (let i = 1; i <= 300; i++) {
        const deliverAt = '2999-01-01T00:00:00Z';
        await crm.notifications.notify('carol', { ...T, title: String(i) }, { manager, deliverAt });
      }
    });
    await makeDue('DESC');
    await eventually(async () => expect((await crm.notifications.unreadCount('carol')).lastId).toBe(300));
    const rows = await database.query(`
      SELECT m.title FROM notifications.inbox_item t JOIN notifications.message m ON m.id = t.message_id
      WHERE t.recipient_id = 'carol' ORDER BY t.id`);
    expect(rows.map(({ title }) => Number(title))).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  });

  test('rolled back with its transaction', async () => {
    const deliverAt = await inSeconds(database, -1);
    const lost = crm.dataSource.transaction(async (manager) => {
      await crm.notifications.notify('dave', T, { manager, deliverAt });
      await crm.notifications.broadcast(T, { manager, deliverAt });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]);
  });

  test.each([-1, 1])('an application whose clock is off by %i h delivers by the database', async (hours) => {
    const recipient = `clock ${hours}`;
    const due = await inSeconds(database, -60);
    const waiting = await inSeconds(database, 60);
    const expired = await inSeconds(database, -60);
    shiftClock(hours);
    await crm.notifications.notify(recipient, { ...T, title: 'waiting' }, { deliverAt: waiting });
    await crm.notifications.notify(recipient, { ...T, title: 'expired' }, { expiresAt: expired });
    await crm.notifications.notify(recipient, { ...T, title: 'current' }, { expiresAt: waiting });
    await crm.notifications.notify(recipient, { ...T, title: 'due' }, { deliverAt: due });
    await eventually(async () => expect(await titles(recipient)).toEqual(['due', 'current']));
    const rows = await database.query(`SELECT payload ->> 'title' AS title FROM notifications.outbox`);
    expect(rows).toEqual([{ title: 'waiting' }]);
  });
});

// With a database of its own: a connection that is idle may tell ten seconds late what it read before.
test('20,000 waiting rows are not looked at by the polls', async () => {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  await database.query(`
    INSERT INTO notifications.outbox (payload, deliver_at)
    SELECT '{"recipients": ["erin"], "type": "t", "title": "T"}', now() + interval '1 day' FROM generate_series(1, 20000)`);
  await database.query('ANALYZE notifications.outbox');
  const crm = await startCrmApp(database);
  cleanup(() => crm.close());
  const read = async () => {
    const [row] = await database.query<{ scans: number; rows: number }>(`
      SELECT (SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'outbox_ready')::int AS scans,
        (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'outbox')::int
          + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'outbox')::int AS rows`);
    return row as { scans: number; rows: number };
  };
  const before = await read();
  await eventually(async () => expect((await read()).scans).toBeGreaterThan(before.scans + 3));
  expect((await read()).rows - before.rows).toBeLessThan(100);
});

describe('expiresAt', () => {
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

  const rest = async (user: string, method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${await accessToken(user)}`, 'content-type': 'application/json' };
    const init = { method, headers, body: body && JSON.stringify(body) };
    return await fetch(`${crm.url}/notifications${path}`, init);
  };

  test('leaves the count about a second later, and live streams are told which', async () => {
    const client = await StreamClient.open(crm.url, await accessToken('ann'));
    const expiresAt = await inSeconds(database, 0.5);
    await crm.notifications.notify('ann', { ...T, title: 'short' }, { expiresAt });
    await crm.notifications.notify('ann', { ...T, title: 'long' });
    await client.until(() => client.ids.length === 2);
    await hasCome(database, expiresAt);
    expect((await crm.notifications.list('ann')).items).toMatchObject([{ title: 'long' }]);

    await client.until(() => client.of('state').some(({ data }) => data.removed));
    expect(client.of('state').at(-1)?.data).toEqual({ lastId: 2, unread: 1, revision: 1, removed: [1] });
    expect(await crm.notifications.unreadCount('ann')).toEqual({ lastId: 2, unread: 1, revision: 1 });
    client.close();
  });

  test('one that was read leaves the count as it is', async () => {
    await crm.notifications.notify('bob', T, { expiresAt: await inSeconds(database, 60) });
    await crm.notifications.notify('bob', T);
    await crm.notifications.markRead('bob', [1]);
    await database.query(
      `UPDATE notifications.inbox_item SET expires_at = now() WHERE recipient_id = 'bob' AND id = 1`,
    );
    await eventually(async () => {
      expect(await crm.notifications.unreadCount('bob')).toEqual({ lastId: 2, unread: 1, revision: 2 });
    });
  });

  test('a broadcast that has expired reaches nobody who returns', async () => {
    await crm.notifications.unreadCount('carol');
    const expiresAt = await inSeconds(database, 0.2);
    await crm.notifications.broadcast({ ...T, title: 'gone' }, { expiresAt });
    await crm.notifications.broadcast({ ...T, title: 'there' });
    await hasCome(database, expiresAt);
    expect(await crm.notifications.list('carol')).toMatchObject({ items: [{ title: 'there' }], unread: 1 });
  });

  test('what has expired before it is delivered is not', async () => {
    const expiresAt = await inSeconds(database, -1);
    expect((await crm.notifications.notify('dave', T, { expiresAt })).status).toBe('delivered');
    await crm.dataSource.transaction(async (manager) => {
      await crm.notifications.notify('dave', T, { expiresAt, manager });
      await crm.notifications.notify('dave', { ...T, title: 'there' }, { manager });
    });
    await eventually(async () => {
      expect(await crm.notifications.list('dave')).toMatchObject({ items: [{ title: 'there' }], lastId: 1, unread: 1 });
    });
  });

  describe('while its row is still there', () => {
    beforeAll(async () => {
      await crm.app.get(Purge).close();
      const expiresAt = await inSeconds(database, 60);
      await crm.notifications.notify('eve', { ...T, title: 'unread' }, { expiresAt });
      await crm.notifications.notify('eve', { ...T, title: 'read' }, { expiresAt });
      await crm.notifications.notify('eve', { ...T, title: 'there' });
      await crm.notifications.markRead('eve', [2]);
      await database.query(`UPDATE notifications.inbox_item SET expires_at = now() WHERE expires_at IS NOT NULL`);
    });
    afterEach(async () => {
      expect(await database.query(`SELECT id FROM notifications.inbox_item WHERE recipient_id = 'eve'`)).toHaveLength(
        3,
      );
    });

    test('it is neither listed', async () => {
      expect((await crm.notifications.list('eve')).items).toMatchObject([{ id: 3 }]);
      expect((await crm.notifications.list('eve', { unread: true, type: 't' })).items).toMatchObject([{ id: 3 }]);
    });

    test('nor replayed', async () => {
      const client = await StreamClient.open(crm.url, await accessToken('eve'), { lastEventId: 0 });
      await client.until(() => client.of('state').length === 1);
      expect(client.ids).toEqual([3]);
      client.close();
    });

    test('nor found', async () => {
      const numbers = await crm.notifications.unreadCount('eve');
      expect(await crm.notifications.markRead('eve', [1, 2])).toEqual({ ...numbers, found: 0 });
      expect(await crm.notifications.markUnread('eve', [1, 2])).toEqual({ ...numbers, found: 0 });
      for (const [id, read] of [
        [1, true],
        [1, false],
        [2, false],
      ] as const) {
        expect((await rest('eve', 'PATCH', `/${id}`, { read })).status).toBe(404);
      }
      expect(await crm.notifications.unreadCount('eve')).toEqual(numbers);
    });
  });
});
