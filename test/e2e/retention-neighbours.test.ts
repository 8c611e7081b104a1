import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { inboxStatements } from '../../src/notifications/inbox/inbox.statements.js';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { inboxRows } from '../support/inbox-rows.js';

const T = { type: 't', title: 'T' };

/** A day of retention, beside transactions of others that hold what is to be purged. */
describe('Purging beside others', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let purge: Purge;
  let other: pg.Client;

  beforeEach(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { notifications: { retention: { days: 1 } } });
    purge = crm.app.get(Purge);
    other = new pg.Client({ connectionString: database.url });
    await other.connect();
  });
  afterEach(async () => {
    await expectTrueCounts();
    await other.end();
    await crm.close();
    await database.drop();
  });

  /** Counters equal rows, and every item has its message. */
  const expectTrueCounts = async () => {
    for (const { recipient, unread, unreadIds } of await inboxRows(database)) {
      expect({ recipient, unread }).toEqual({ recipient, unread: unreadIds.length });
    }
    const orphans = await database.query(`
      SELECT t.recipient_id, t.id FROM notifications.inbox_item t
      WHERE NOT EXISTS (SELECT FROM notifications.message m WHERE m.id = t.message_id)`);
    expect(orphans).toEqual([]);
  };

  const age = async (interval: string, tables = ['message', 'inbox_item', 'broadcast'], where = 'true') => {
    for (const table of tables) {
      const sql = `UPDATE notifications.${table} SET created_at = created_at - $1::interval WHERE ${where}`;
      await database.query(sql, [interval]);
    }
  };

  const lock = async (where: string) => {
    await other.query('BEGIN');
    await other.query(`SELECT FROM notifications.inbox WHERE ${where} FOR UPDATE`);
  };

  const titles = async (table = 'message') =>
    (
      await database.query(`SELECT title FROM notifications.message m
        ${table === 'message' ? '' : `JOIN notifications.${table} t ON t.message_id = m.id`} ORDER BY title`)
    ).map(({ title }) => title);

  /** Does something just before the purge runs a statement. */
  const before = (name: string, act: () => Promise<unknown>) => {
    const { own } = crm;
    const inTransaction = own.inTransaction.bind(own);
    own.inTransaction = (work) =>
      inTransaction((run) =>
        work(async (statement, values) => {
          if (statement.name === name) await act();
          return await run(statement, values);
        }),
      );
  };

  test('a message that a locked inbox holds stays until that inbox has lost it, and that is soon', async () => {
    await crm.notifications.notify(['ann', 'bob'], T);
    await age('3 days');
    await lock(`recipient_id = 'ann'`);
    const again = await purge.deleteOld();
    expect(again).toBeLessThanOrEqual(60_000);
    expect(await crm.notifications.list('bob')).toMatchObject({ items: [], unread: 0 });
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [{ id: 1 }], unread: 1 });

    await other.query('ROLLBACK');
    expect(await purge.deleteOld()).toBeUndefined();
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [], unread: 0, revision: 1 });
    expect(await titles()).toEqual([]);
  });

  test.each([
    ['one inbox of 2,500 items', ['ann'], 2_500],
    ['2,500 inboxes of one item each', Array.from({ length: 2_500 }, (_, i) => `locked ${i}`), 1],
  ])('%s, locked, do not keep the purge from what lies behind them', async (_, locked, items) => {
    for (let i = 0; i < items; i += 500) {
      await Promise.all(Array.from({ length: Math.min(500, items) }, () => crm.notifications.notify(locked, T)));
    }
    await age('1 day');
    await crm.notifications.notify(['zoe', 'zac'], T);
    await age('3 days');
    await lock(`recipient_id NOT LIKE 'z%'`);
    const left = async () => {
      const [row] = await database.query(`
        SELECT count(*) FILTER (WHERE recipient_id LIKE 'z%')::int AS free,
          count(*) FILTER (WHERE recipient_id NOT LIKE 'z%')::int AS locked FROM notifications.inbox_item`);
      return row;
    };
    await purge.deleteOld();
    expect(await left()).toEqual({ free: 0, locked: 2_500 });

    await crm.notifications.notify(['zoe', 'zac'], T);
    await database.query(`UPDATE notifications.inbox_item SET expires_at = created_at, created_at = now()`);
    await purge.deleteExpired();
    expect(await left()).toEqual({ free: 0, locked: 2_500 });
    await expectTrueCounts();
    await other.query('ROLLBACK');
    await purge.deleteExpired();
    expect(await left()).toEqual({ free: 0, locked: 0 });
  });

  test('what has expired in a locked inbox is not tried every second', async () => {
    await Promise.all(Array.from({ length: 400 }, () => crm.notifications.notify('ann', T)));
    await lock(`recipient_id = 'ann'`);
    await database.query(`UPDATE notifications.inbox_item SET expires_at = now()`);
    const read = async () => {
      const [row] = await database.query(`
        SELECT idx_scan::int AS scans, idx_tup_read::int AS rows FROM pg_stat_user_indexes
        WHERE indexrelname = 'inbox_item_expires_at'`);
      return row as { scans: number; rows: number };
    };
    const before = await read();
    // Each run looks at the index once or twice; at all of it after 1, 2, 4, 8 s and then only once in ten seconds.
    await eventually(async () => expect((await read()).scans).toBeGreaterThan(before.scans + 20), {
      timeoutMs: 60_000,
    });
    expect((await read()).rows - before.rows).toBeLessThan(6 * 400);
    // Nobody else waits for that.
    await crm.notifications.notify('bob', T, { expiresAt: new Date(Date.now() + 300) });
    await eventually(async () => expect(await inboxRows(database, 'bob')).toMatchObject([{ unread: 0, ids: [] }]));
    await other.query('ROLLBACK');
  }, 90_000);

  test('a message whose item is younger stays: a part that instances before have delivered late', async () => {
    await crm.notifications.notify(['ann', 'bob'], T);
    await age('3 days', ['message']);
    await age('3 days', ['inbox_item'], `recipient_id = 'bob'`);
    await purge.deleteOld();
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [{ title: 'T' }], unread: 1 });
    expect(await crm.notifications.list('bob')).toMatchObject({ items: [], unread: 0 });
    await age('2 days', ['inbox_item']);
    await purge.deleteOld();
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [], unread: 0 });
    expect(await titles()).toEqual([]);
  });

  test('a message stays while a row of the outbox names it', async () => {
    const { messageId } = await crm.notifications.notify('ann', T);
    const part = { ...T, id: messageId.toUpperCase(), recipients: ['bob'], continues: true };
    await database.query(
      `INSERT INTO notifications.outbox (payload, deliver_at) VALUES ($1, '2999-01-01'), ('{"id": 7}', '2999-01-01')`,
      [JSON.stringify(part)],
    );
    await age('3 days');
    await purge.deleteOld();
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [], unread: 0 });
    expect(await titles()).toEqual(['T']);
    await database.query(`UPDATE notifications.outbox SET deliver_at = now() WHERE payload ->> 'id' <> '7'`);
    await eventually(async () => expect(await inboxRows(database, 'bob')).toMatchObject([{ unread: 1, ids: [1] }]));
  });

  test('a message stays while a broadcast names it', async () => {
    await crm.notifications.unreadCount('ann');
    await crm.notifications.broadcast(T);
    await age('3 days', ['message']);
    await purge.deleteOld();
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [{ title: 'T' }], unread: 1 });
  });

  test.each([
    ['and has not been when the purge ends', false],
    ['and has been between the look and the deletion', true],
  ])('a broadcast past its retention that somebody is just being given, %s', async (_, isBetween) => {
    for (const name of ['ann', 'bob']) await crm.notifications.unreadCount(name);
    await crm.notifications.broadcast(T);
    await age('3 days');
    await other.query('BEGIN');
    const sql = inboxStatements('notifications');
    await other.query(sql.lockBehind({ skipsLocked: false }).text, [[''], ['ann']]);
    await other.query(sql.materialise.text, [[''], ['ann']]);
    if (isBetween) before('retention_lock', () => other.query('COMMIT'));
    await purge.deleteOld();
    expect(await titles('broadcast')).toEqual([]);
    if (!isBetween) await other.query('COMMIT');
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [{ title: 'T' }], unread: 1 });
    // Who has not got it gets it no more.
    expect(await crm.notifications.list('bob')).toMatchObject({ items: [], unread: 0 });
    await purge.deleteOld();
    expect(await inboxRows(database, 'ann')).toMatchObject([{ lastId: 1, unread: 0, ids: [] }]);
    expect(await titles()).toEqual([]);
  });

  test('a broadcast whose message is just being deleted is given to nobody', async () => {
    await crm.notifications.unreadCount('ann');
    await crm.notifications.broadcast({ ...T, title: 'old' });
    await crm.notifications.broadcast({ ...T, title: 'young' });
    await other.query('BEGIN');
    await other.query(`DELETE FROM notifications.message WHERE title = 'old'`);
    const list = crm.notifications.list('ann');
    await eventually(async () =>
      expect(
        await database.query(
          `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        ),
      ).toHaveLength(1),
    );
    await other.query('COMMIT');
    expect(await list).toMatchObject({ items: [{ id: 1, title: 'young' }], unread: 1, lastId: 1 });
    await crm.notifications.broadcast({ ...T, title: 'last' });
    expect(await crm.notifications.list('ann')).toMatchObject({ items: [{ title: 'last' }, { title: 'young' }] });
  });

  test('messages go together, once one of them is a day past its retention', async () => {
    for (const [title, interval] of [
      ['day', '2 days 1 second'],
      ['hours', '1 day 5 hours'],
      ['minutes', '1 day 50 minutes'],
    ] as const) {
      await crm.notifications.notify('ann', { ...T, title });
      await age(
        interval,
        ['inbox_item'],
        `message_id = (SELECT id FROM notifications.message WHERE title = '${title}')`,
      );
      await age(interval, ['message'], `title = '${title}'`);
      await purge.deleteOld();
    }
    // The first went alone, the others wait for the day that follows.
    expect(await titles()).toEqual(['hours', 'minutes']);
    await age('19 hours');
    await purge.deleteOld();
    expect(await titles()).toEqual([]);
  });

  test('what fails between its steps is made up for by the next run', async () => {
    await crm.notifications.notify(['ann', 'bob'], T);
    await age('3 days');
    await database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
      CREATE TRIGGER refuse BEFORE DELETE ON notifications.message FOR EACH ROW EXECUTE FUNCTION refuse()`);
    await expect(purge.deleteOld()).rejects.toThrow('not now');
    await expectTrueCounts();
    await database.query('DROP TRIGGER refuse ON notifications.message');
    await purge.deleteOld();
    expect(await titles()).toEqual([]);
  });

  test('several instances at once', async () => {
    const recipients = Array.from({ length: 500 }, (_, i) => `r${i}`);
    for (let i = 0; i < 8; i++) await crm.notifications.notify(recipients, T);
    await age('3 days');
    await lock(`recipient_id = 'r7'`);
    const instances = Array.from({ length: 3 }, () => new Purge(crm.own, 1, { onPurged: () => {}, onError: () => {} }));
    await Promise.all(instances.map((instance) => instance.deleteOld()));
    expect((await inboxRows(database)).filter(({ ids }) => ids.length > 0)).toMatchObject([
      { recipient: 'r7', unread: 8 },
    ]);
    await other.query('ROLLBACK');
    await Promise.all(instances.map((instance) => instance.deleteOld()));
    expect(await titles()).toEqual([]);
  });
});
