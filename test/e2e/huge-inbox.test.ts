import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { changeStatements } from '../../src/notifications/inbox/change.statements.js';
import { inboxStatements } from '../../src/notifications/inbox/inbox.statements.js';
import type { ListQuery } from '../../src/notifications/notification.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { fillInbox } from '../support/huge-inbox.js';
import { inboxRows } from '../support/inbox-rows.js';
import { rowsOfPlan } from '../support/statement-work.js';

const COUNT = 200_000;
/** Rows that the plan of one call may go through, in all of its nodes. */
const BOUND = 60_000;
const USER = 'huge';
const KEY = ['', USER];
const SLOW_MS = 120_000;

const cleanup = useCleanup();
let database: TestDatabase;
let crm: CrmApp;

beforeAll(async () => {
  database = await createMigratedDatabase();
  await fillInbox(database, USER, COUNT);
  crm = await startCrmApp(database);
}, SLOW_MS);

afterAll(async () => {
  await crm.close();
  await database.drop();
});

/** All that it finds, and in how many calls. */
async function find(query: ListQuery): Promise<{ ids: number[]; calls: number }> {
  const ids: number[] = [];
  let calls = 0;
  for (let before: number | undefined; ; ) {
    const { items, nextBefore } = await crm.notifications.list(USER, { ...query, before });
    calls += 1;
    ids.push(...items.map(({ id }) => id));
    if (nextBefore === null) return { ids, calls };
    expect(nextBefore).toBeLessThan(before ?? Number.POSITIVE_INFINITY);
    before = nextBefore;
  }
}

async function markedRows(): Promise<number> {
  const [row] = await database.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM notifications.inbox_item WHERE recipient_id = $1 AND read_at IS NOT NULL',
    [USER],
  );
  return row?.n ?? -1;
}

/** The counter, the rows, the list and the numbers agree. */
async function expectUnread(ids: number[]): Promise<void> {
  const [rows] = await inboxRows(database, USER);
  expect({ unread: rows?.unread, ids: rows?.unreadIds }).toEqual({ unread: ids.length, ids });
  expect(await crm.notifications.unreadCount(USER)).toMatchObject({ unread: ids.length });
  expect((await find({ unread: true, limit: 100 })).ids.reverse()).toEqual(ids);
}

describe('In an inbox of 200,000', () => {
  test(
    'a filter that finds nothing looks at 5,000 in one call, and at all of them by nextBefore',
    async () => {
      const first = await crm.notifications.list(USER, { type: 'none' });
      expect(first).toEqual({ items: [], nextBefore: COUNT - 4_999, lastId: COUNT, unread: COUNT, revision: 0 });
      expect(await find({ type: 'none' })).toEqual({ ids: [], calls: COUNT / 5_000 + 1 });
      // One that is rare is found, wherever it is.
      await database.query(
        `UPDATE notifications.message m SET type = 'rare' FROM notifications.inbox_item t
       WHERE t.message_id = m.id AND t.recipient_id = $1 AND t.id IN (1, 7, 199999)`,
        [USER],
      );
      expect((await find({ type: 'rare', limit: 1 })).ids).toEqual([199_999, 7, 1]);
    },
    SLOW_MS,
  );

  test('a page that is full costs what it holds', async () => {
    const { items, nextBefore } = await crm.notifications.list(USER, { type: 'tenth', limit: 5 });
    expect([items.map(({ id }) => id), nextBefore]).toEqual([[200_000, 199_990, 199_980, 199_970, 199_960], 199_960]);
    const { list } = inboxStatements('notifications');
    for (const before of [null, 100_000, 50]) {
      const plain = await rowsOfPlan(database, list({ unread: false, type: false }).text, [...KEY, before, 21]);
      expect(plain).toBeLessThan(400);
    }
  });

  test(
    'no statement of a call goes through more than some thousand rows',
    async () => {
      const reads = inboxStatements('notifications');
      const changes = changeStatements('notifications');
      const spread = Array.from({ length: 1_000 }, (_, n) => 1 + n * (COUNT / 1_000));
      const statements: [string, unknown[]][] = [
        [reads.list({ unread: false, type: true }).text, [...KEY, null, 101, 'none']],
        [reads.list({ unread: true, type: true }).text, [...KEY, null, 101, 'none']],
        // A cursor is at most maxReplay behind, or gets a reset.
        [reads.read.text, [[''], [USER], [COUNT - 1_000], 100, 65_536]],
        [changes.markRead.text, [...KEY, spread]],
        [changes.markReadUpTo.text, [...KEY, COUNT, 0]],
        [changes.markReadUpTo.text, [...KEY, COUNT / 2, 0]],
        [changes.markReadUpTo.text, [...KEY, 10, 0]],
        [changes.markUnread.text, [...KEY, spread]],
        [changes.remove.text, [...KEY, spread]],
      ];
      const everything: [string, string][] = [
        ['all unread', ''],
        ['all read by the watermark', 'UPDATE notifications.inbox SET read_up_to = 200000, unread = 0, revision = 1'],
        ['all read one by one', 'UPDATE notifications.inbox_item SET read_at = now()'],
        ['all expired', `UPDATE notifications.inbox_item SET expires_at = now()`],
        [
          'some unread below the watermark',
          `UPDATE notifications.inbox SET read_up_to = 200000, unread = 200, revision = 1, unread_mark = 1,
           unread_mark_revision = 1;
         UPDATE notifications.inbox_item SET unread_mark = 1 WHERE id % 1000 = 0`,
        ],
      ];
      for (const [state, prepare] of everything) {
        const client = new pg.Client({ connectionString: database.url });
        await client.connect();
        try {
          await client.query('BEGIN');
          if (prepare) await client.query(prepare);
          for (const [statement, values] of statements) {
            await client.query('SAVEPOINT before');
            const rows = await rowsOfPlan(client, statement, values);
            await client.query('ROLLBACK TO before');
            expect({ state, statement, isBounded: rows < BOUND || rows }).toEqual({
              state,
              statement,
              isBounded: true,
            });
          }
        } finally {
          await client.end();
        }
      }
    },
    SLOW_MS,
  );

  test(
    'one marked as unread after mark-all, far below: exact, and without a mark for the others',
    async () => {
      const { notifications } = crm;
      expect(await notifications.markRead(USER, { upTo: COUNT })).toMatchObject({ unread: 0, revision: 1 });
      await expectUnread([]);
      expect(await notifications.markUnread(USER, [1])).toMatchObject({ unread: 1, revision: 2, found: 1 });
      expect(await markedRows()).toBe(0);
      await expectUnread([1]);
      // Near the watermark as ever: what lies between gets a mark.
      const spread = [50_000, 100_000, 150_000, 199_999];
      expect(await notifications.markUnread(USER, [...spread, 1])).toMatchObject({ unread: 5, revision: 3, found: 5 });
      await expectUnread([1, ...spread]);
      expect(await notifications.markRead(USER, [100_000, 2])).toMatchObject({ unread: 4, revision: 4, found: 2 });
      expect(await notifications.remove(USER, [150_000, 3])).toMatchObject({ unread: 3, revision: 5, found: 2 });
      await expectUnread([1, 50_000, 199_999]);
      // Up to one of them, in several steps.
      const upTo = await notifications.markRead(USER, { upTo: 60_000 });
      expect(upTo).toMatchObject({ unread: 1, lastId: COUNT });
      await expectUnread([199_999]);
      const { items } = await notifications.list(USER, { before: 50_001, limit: 1 });
      expect(items).toMatchObject([{ id: 50_000, read: true }]);
      // What arrives is unread, and marked as read together with what was marked as unread.
      await notifications.notify(USER, { type: 't', title: 'news' });
      await expectUnread([199_999, COUNT + 1]);
      await notifications.markRead(USER, { upTo: COUNT + 1 });
      await expectUnread([]);
      expect(await markedRows()).toBeLessThan(10);
      // A mark of the time before does not come back.
      await notifications.markUnread(USER, [2]);
      await expectUnread([2]);
    },
    SLOW_MS,
  );

  test(
    'read up to the middle: exact, in steps that others may come between',
    async () => {
      const other = 'middle';
      await fillInbox(database, other, 30_000);
      const read = crm.notifications.markRead(other, { upTo: 15_000 });
      const changes = [
        crm.notifications.markRead(other, [14_000, 20_000]),
        crm.notifications.remove(other, [14_001, 20_001]),
        crm.notifications.notify(other, { type: 't', title: 'news' }),
      ];
      await Promise.all([read, ...changes]);
      const [rows] = await inboxRows(database, other);
      expect(rows).toMatchObject({ unread: rows?.unreadIds.length, lastId: 30_001 });
      expect(rows?.unreadIds).toHaveLength(15_001 - 2);
      expect(rows?.unreadIds[0]).toBe(15_001);
    },
    SLOW_MS,
  );
});

describe('One user who asks much', () => {
  async function get(user: string, query = ''): Promise<Response> {
    const authorization = `Bearer ${await accessToken(user)}`;
    return await fetch(`${crm.url}/notifications${query}`, { headers: { authorization } });
  }

  test(
    'has four questions in flight; another one is answered 429 after two seconds, and others wait for nothing',
    async () => {
      await crm.notifications.notify(['locked', 'somebody'], { type: 't', title: 'T' });
      const holder = new pg.Client({ connectionString: database.url });
      await holder.connect();
      cleanup(() => holder.end());
      await holder.query(`BEGIN; SELECT FROM notifications.inbox WHERE recipient_id = 'locked' FOR UPDATE`);
      const marks = Array.from({ length: 4 }, () => crm.notifications.markRead('locked', [1]));
      const settled = Promise.allSettled(marks);
      // One of them waits for the row, on one connection.
      await eventually(async () => {
        const waiting = await database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
        );
        expect(waiting).toHaveLength(1);
      });
      const refused = get('locked');
      // Meanwhile others ask, and are notified.
      for (let i = 0; i < 10; i++) {
        expect((await get('somebody')).status).toBe(200);
        expect((await crm.notifications.notify('somebody', { type: 't', title: 'T' })).status).toBe('delivered');
      }
      const answer = await refused;
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '2']);
      expect(await answer.json()).toEqual({
        statusCode: 429,
        error: 'Too Many Requests',
        message: expect.stringContaining('questions in flight'),
      });
      await holder.query('ROLLBACK');
      for (const outcome of await settled) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'INBOX_BUSY' });
      }
      expect((await get('locked')).status).toBe(200);
    },
    SLOW_MS,
  );

  test(
    'and thirty at once are answered in turn',
    async () => {
      const answers = await Promise.all(Array.from({ length: 30 }, () => get(USER, '?type=none')));
      for (const answer of answers) expect([200, 429]).toContain(answer.status);
      expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(4);
    },
    SLOW_MS,
  );
});
