import { beforeEach, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { eventually } from '../support/eventually.js';
import { tracesOf } from '../support/inbox-rows.js';

const SLOW_MS = 120_000;
const COUNT = 12_000;
const RECIPIENTS = Array.from({ length: COUNT }, (_, index) => `recipient ${index}`);
const cleanup = useCleanup();

/** A message to more than one statement delivers to: it waits, is parked, retried and discarded as a whole. */
describe('A large message', () => {
  let database: TestDatabase;
  let crm: CrmApp;

  beforeEach(async () => {
    database = await createMigratedDatabase();
    cleanup(() => database.drop());
    cleanup(() => expectNoDeadlocks(database));
    crm = await startCrmApp(database);
    cleanup(() => crm.close());
    Logger.overrideLogger(false);
  });

  const notification = (title: string) => ({ type: 'test', title });
  const send = (title: string, options = {}) => crm.notifications.notify(RECIPIENTS, notification(title), options);
  const traces = (title: string) => tracesOf(database, title);
  const arrived = (title: string, items = COUNT) =>
    eventually(async () => expect(await traces(title)).toEqual({ messages: 1, items, outbox: 0 }), {
      timeoutMs: SLOW_MS / 2,
    });
  /** No inbox has it twice. */
  const eachOnce = async () =>
    expect(
      await database.query(
        'SELECT max(unread)::int AS most, min(last_id)::int AS least, count(*)::int FROM notifications.inbox',
      ),
    ).toEqual([{ most: 1, least: 1, count: COUNT }]);
  const parked = () =>
    eventually(
      async () => {
        const rows = await crm.parked.list();
        expect(rows).toHaveLength(1);
        return rows[0]?.pos as number;
      },
      { timeoutMs: SLOW_MS / 2 },
    );

  /** A trigger that refuses as often as it is told to; what it refuses is rolled back, but for what it has counted. */
  async function refuse(table: 'message' | 'inbox_item', condition: string, times: number): Promise<void> {
    await database.query(`
      CREATE SEQUENCE refused;
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN
        IF ${condition} AND nextval('refused') <= ${times} THEN RAISE EXCEPTION 'refused by a trigger'; END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER refuse BEFORE INSERT ON notifications.${table} FOR EACH ROW EXECUTE FUNCTION refuse()`);
  }

  test.each([
    ['its first statement', 'message', 'true'],
    ['the statement of its last recipients', 'inbox_item', `NEW.recipient_id = 'recipient 11000'`],
  ] as const)(
    'reaches each of 12,000 once when %s is refused twice',
    async (_, table, condition) => {
      await refuse(table, condition, 2);
      await send('refused twice');
      await arrived('refused twice');
      await eachOnce();
      expect(await crm.parked.list()).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    'is parked as one row when a recipient is refused for good, goes on there when it is retried',
    async () => {
      await refuse('inbox_item', `NEW.recipient_id = 'recipient 7000'`, 1_000);
      await send('parked');
      await crm.notifications.notify('somebody else', notification('behind'));
      const pos = await parked();
      expect(await traces('parked')).toEqual({ messages: 1, items: 5_000, outbox: 1 });
      await database.query('DROP TRIGGER refuse ON notifications.inbox_item');
      await database.query(`DELETE FROM notifications.inbox WHERE recipient_id = 'somebody else'`);
      expect(await crm.parked.retry([pos])).toBe(1);
      await arrived('parked');
      await eachOnce();
    },
    SLOW_MS,
  );

  test(
    'never reaches the others once it is discarded',
    async () => {
      await refuse('inbox_item', `NEW.recipient_id = 'recipient 7000'`, 1_000);
      await send('discarded');
      expect(await crm.parked.discard([await parked()])).toBe(1);
      expect(await traces('discarded')).toEqual({ messages: 1, items: 5_000, outbox: 0 });
    },
    SLOW_MS,
  );

  test(
    'that is a duplicate reaches nobody',
    async () => {
      await send('first', { idempotencyKey: 'k' });
      await arrived('first');
      await send('second', { idempotencyKey: 'k' });
      await eventually(async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]));
      expect(await traces('second')).toEqual({ messages: 0, items: 0, outbox: 0 });
      await eachOnce();
    },
    SLOW_MS,
  );

  test(
    'with ids that stand there twice, by plain SQL and without an id, gives each one notification',
    async () => {
      const payload = { ...notification('plain'), recipients: [...RECIPIENTS, ...RECIPIENTS.slice(0, 6_000)] };
      await database.query('INSERT INTO notifications.outbox (payload) VALUES ($1)', [JSON.stringify(payload)]);
      await arrived('plain');
      await eachOnce();
    },
    SLOW_MS,
  );

  async function lock(sql: string, values: unknown[] = []): Promise<() => Promise<void>> {
    const holder = new pg.Client({ connectionString: database.url });
    cleanup(() => holder.end());
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query(sql, values);
    return async () => void (await holder.query('ROLLBACK'));
  }

  test(
    'whose row is locked when it becomes due arrives when that is over, and holds up nothing',
    async () => {
      await send('scheduled', { deliverAt: new Date(Date.now() + 3_600_000) });
      const release = await lock('SELECT FROM notifications.outbox ORDER BY pos LIMIT 1 FOR UPDATE');
      // By another connection, in a column that the lock of a key share would leave free: the row is due all the same.
      const due = database.query(`UPDATE notifications.outbox SET deliver_at = now() - interval '1 second'`);
      const manager = { title: 'beside' };
      await crm.dataSource.transaction((m) =>
        crm.notifications.notify('somebody else', notification(manager.title), { manager: m }),
      );
      await eventually(async () => expect(await traces('beside')).toEqual({ messages: 1, items: 1, outbox: 0 }));
      expect(await traces('scheduled')).toMatchObject({ items: 0, outbox: 1 });
      await release();
      await due;
      await arrived('scheduled');
    },
    SLOW_MS,
  );

  describe('of the version before, which wrote several rows', () => {
    const id = '01890000-0000-7000-8000-000000000001';
    const parts = [RECIPIENTS.slice(0, 5_000), RECIPIENTS.slice(5_000, 10_000), RECIPIENTS.slice(10_000)];
    const write = (deliverAt: Date | null = null, idempotencyKey: string | null = null) =>
      database.query(
        `INSERT INTO notifications.outbox (payload, deliver_at) SELECT p, $2 FROM jsonb_array_elements($1) p`,
        [
          JSON.stringify(
            parts.map((recipients, i) => ({
              ...{ ...notification('in parts'), id, recipients, idempotencyKey },
              ...(i > 0 && { continues: true }),
            })),
          ),
          deliverAt,
        ],
      );

    test.each([1, 2, 3, 7])(
      'reaches each of 12,000 once when its first part is refused %i times',
      async (times) => {
        await refuse('message', 'true', times);
        await write();
        if (times > 4) await crm.parked.retry([await parked()]);
        await arrived('in parts');
        await eachOnce();
      },
      SLOW_MS,
    );

    test(
      'waits as a whole while the row of its first part is locked',
      async () => {
        await write(new Date(Date.now() + 3_600_000));
        await database.query('UPDATE notifications.outbox SET deliver_at = now() WHERE pos = 1');
        const release = await lock('SELECT FROM notifications.outbox WHERE pos = 1 FOR UPDATE');
        await database.query('UPDATE notifications.outbox SET deliver_at = now() WHERE pos > 1');
        await eventually(async () =>
          expect(await database.query('SELECT FROM notifications.outbox WHERE retry_at IS NOT NULL')).toHaveLength(2),
        );
        await release();
        await arrived('in parts');
        await eachOnce();
      },
      SLOW_MS,
    );

    test(
      'reaches nobody when its first part is a duplicate',
      async () => {
        await crm.notifications.notify('somebody else', notification('first'), { idempotencyKey: 'k' });
        await write(null, 'k');
        await eventually(async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]));
        expect(await traces('in parts')).toEqual({ messages: 0, items: 0, outbox: 0 });
      },
      SLOW_MS,
    );
  });
});
