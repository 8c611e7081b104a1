import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { lockName } from '../../src/notifications/inbox/database.js';
import { OutboxLine, START } from '../../src/notifications/inbox/outbox-line.js';
import { OutboxMonitor } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

const SLOW_MS = 120_000;
const PATIENCE = { timeoutMs: SLOW_MS / 2 };
const cleanup = useCleanup();

/** Rows of the outbox that can't be delivered, and what stands behind them. */
describe('Bad rows', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let lines: string[];

  beforeEach(async () => {
    database = await createMigratedDatabase();
    cleanup(() => database.drop());
    crm = await startCrmApp(database);
    cleanup(() => crm.close());
    lines = [];
    const log = (message: unknown) => void lines.push(String(message));
    Logger.overrideLogger({ log: () => {}, error: log, warn: log });
    cleanup(async () => Logger.overrideLogger(['error', 'fatal']));
  });

  const send = (title: string, recipients = ['somebody']) =>
    database.query('INSERT INTO notifications.outbox (payload) VALUES ($1)', [
      JSON.stringify({ recipients, type: 't', title }),
    ]);
  const flood = (title: string, count: number) =>
    database.query(
      `INSERT INTO notifications.outbox (payload)
       SELECT jsonb_build_object('recipients', '["bad"]'::jsonb, 'type', 't', 'title', $1::text)
       FROM generate_series(1, $2)`,
      [title, count],
    );
  const titles = async (recipient: string) =>
    (await crm.notifications.list(recipient, { limit: 100 })).items.map(({ title }) => title).reverse();
  const arrives = (title: string) =>
    eventually(async () => expect(await titles('somebody')).toContain(title), PATIENCE);
  const states = () =>
    database.query('SELECT attempts, count(*)::int FROM notifications.outbox GROUP BY attempts ORDER BY attempts');
  /** A trigger on every message that is stored. */
  const onMessage = (body: string) =>
    database.query(`
      CREATE SEQUENCE tries;
      CREATE FUNCTION on_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN NEW; END $$;
      CREATE TRIGGER on_message BEFORE INSERT ON notifications.message FOR EACH ROW EXECUTE FUNCTION on_message()`);

  test(
    'that break the limits are parked, however many, in a few log lines',
    async () => {
      await flood('', 30_000);
      await send('behind');
      await arrives('behind');
      await eventually(async () => expect(await states()).toEqual([{ attempts: 5, count: 30_000 }]), PATIENCE);
      expect(lines.filter((line) => line.includes('is parked: title must not be empty'))).toHaveLength(10);
      expect(lines.length).toBeLessThan(15);
    },
    SLOW_MS,
  );

  test(
    'that Postgres refuses are tried again, parked, and let pass what is good, at once or soon',
    async () => {
      await onMessage(`IF NEW.title = 'refused' THEN RAISE EXCEPTION 'refused by a trigger'; END IF;`);
      await flood('refused', 300);
      await send('behind');
      await arrives('behind');
      await eventually(async () => expect(await states()).toEqual([{ attempts: 5, count: 300 }]), PATIENCE);
    },
    SLOW_MS,
  );

  test(
    'that are good among refused ones all arrive, in their order',
    async () => {
      await onMessage(`IF NEW.title = 'refused' THEN RAISE EXCEPTION 'refused by a trigger'; END IF;`);
      const good = Array.from({ length: 40 }, (_, i) => `good ${String(i).padStart(2, '0')}`);
      const rows = good.flatMap((title, i) => (i % 13 === 5 ? ['refused', title] : [title]));
      await database.query(
        `INSERT INTO notifications.outbox (payload)
         SELECT jsonb_build_object('recipients', '["somebody"]'::jsonb, 'type', 't', 'title', title)
         FROM unnest($1::text[]) title`,
        [rows],
      );
      await eventually(async () => expect(await titles('somebody')).toEqual(good), PATIENCE);
    },
    SLOW_MS,
  );

  test(
    'that are refused for a second arrive',
    async () => {
      await database.query(`CREATE TABLE trouble_until AS SELECT clock_timestamp() + interval '1.2 seconds' AS at`);
      await onMessage(
        `IF clock_timestamp() < (SELECT at FROM public.trouble_until) THEN RAISE EXCEPTION 'not now'; END IF;`,
      );
      await send('later');
      await arrives('later');
      expect(await crm.parked.list()).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    'that a trigger refuses with whatever SQLSTATE are parked, and hold up nothing',
    async () => {
      const codes = ['21000', '40001', '42501', '42703', 'CRM01'];
      await onMessage(`
        IF NEW.title LIKE 'refused %' THEN
          RAISE EXCEPTION '%', NEW.title USING ERRCODE = split_part(NEW.title, ' ', 2);
        END IF;`);
      for (const code of codes) await send(`refused ${code}`);
      await send('behind');
      await arrives('behind');
      await eventually(async () => {
        const parked = await crm.parked.list();
        expect(parked.map(({ error }) => error).sort()).toEqual(codes.map((code) => `refused ${code}`));
      }, PATIENCE);
    },
    SLOW_MS,
  );

  test.each(['P0001', 'CRM01', '42501', '40001'])(
    'that a trigger does not let be written down, promoted or claimed, with SQLSTATE %s, hold up nothing',
    async (code) => {
      await database.query(`
        CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'append only' USING ERRCODE = '${code}'; END $$;
        CREATE TRIGGER keep BEFORE UPDATE ON notifications.outbox FOR EACH ROW
          WHEN (OLD.payload -> 'recipients' = '["kept"]') EXECUTE FUNCTION keep()`);
      await send('', ['kept']);
      const ago = (title: string, recipient: string, column: string) =>
        database.query(
          `INSERT INTO notifications.outbox (payload, ${column})
           SELECT jsonb_build_object('recipients', jsonb_build_array($2::text), 'type', 't', 'title', $1::text), now() - interval '1 minute'`,
          [title, recipient],
        );
      await ago('never promoted', 'kept', 'deliver_at');
      await ago('never claimed', 'kept', 'retry_at');
      await ago('scheduled', 'somebody', 'deliver_at');
      await ago('set aside', 'somebody', 'retry_at');
      await arrives('scheduled');
      await arrives('set aside');
      await send('behind');
      await arrives('behind');
      expect(lines.some((line) => line.includes('append only'))).toBe(true);
    },
    SLOW_MS,
  );

  test(
    'or good ones, for an inbox that somebody holds, hold up nobody else, however many',
    async () => {
      await crm.notifications.notify('held', { type: 't', title: 'T' });
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      cleanup(() => client.end());
      await client.query('BEGIN');
      await client.query(`SELECT FROM notifications.inbox WHERE recipient_id = 'held' FOR UPDATE`);
      await database.query(`
        INSERT INTO notifications.outbox (payload)
        SELECT jsonb_build_object('recipients', '["held"]'::jsonb, 'type', 't', 'title', n::text)
        FROM generate_series(1, 21000) n`);
      await send('behind');
      await arrives('behind');
      await client.query('ROLLBACK');
      await eventually(async () => expect((await crm.notifications.unreadCount('held')).lastId).toBe(21_001), PATIENCE);
      const rows = await database.query(`
        SELECT FROM (SELECT m.title::int - lag(m.title::int) OVER (ORDER BY t.id) AS step
          FROM notifications.inbox_item t JOIN notifications.message m ON m.id = t.message_id
          WHERE t.recipient_id = 'held' AND m.title <> 'T') s WHERE step <> 1`);
      expect(rows).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    'that are passed over do not part the rows of a transaction that commits meanwhile',
    async () => {
      const { read } = OutboxLine.prototype;
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      cleanup(() => client.end());
      const sendInTransaction = (title: string) =>
        client.query('INSERT INTO notifications.outbox (payload) VALUES ($1)', [
          JSON.stringify({ recipients: ['somebody'], type: 't', title }),
        ]);
      await client.query('BEGIN');
      await sendInTransaction('first');
      const spy = jest.spyOn(OutboxLine.prototype, 'read').mockImplementation(async function (
        this: OutboxLine,
        ...args
      ) {
        // It goes on behind bad rows, and so behind the first row of the transaction.
        if (args[1]?.after !== START) {
          spy.mockRestore();
          await sendInTransaction('second');
          await client.query('COMMIT');
        }
        return await read.apply(this, args);
      });
      cleanup(() => spy.mockRestore());
      await flood('', 3);

      await arrives('second');
      expect(await titles('somebody')).toEqual(['first', 'second']);
    },
    SLOW_MS,
  );

  test(
    'for which there is no room let pass what there is room for',
    async () => {
      await onMessage(`IF NEW.title = 'short' THEN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END IF;`);
      await send('short');
      await send('behind');
      await arrives('behind');
      expect(await crm.parked.list()).toEqual([]);
    },
    SLOW_MS,
  );

  test(
    'keep their order while there is no room for any',
    async () => {
      await database.query('CREATE TABLE room AS SELECT false AS is_free');
      await onMessage(`
        PERFORM nextval('public.tries');
        IF NOT (SELECT is_free FROM public.room) THEN RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'; END IF;`);
      for (const title of ['first', 'second', 'third']) await send(title);
      const tries = async () =>
        (await database.query<{ tries: number }>('SELECT last_value::int AS tries FROM tries'))[0]?.tries;
      await eventually(async () => expect(await tries()).toBeGreaterThan(9), PATIENCE);
      await database.query('UPDATE room SET is_free = true');
      await arrives('third');
      expect(await titles('somebody')).toEqual(['first', 'second', 'third']);
    },
    SLOW_MS,
  );

  test.each([
    ['breaks the connection', 'pg_terminate_backend'],
    ['is cancelled, as by a time-out', 'pg_cancel_backend'],
  ])(
    'whose delivery always %s do not hold up what is behind them',
    async (_, kill) => {
      await onMessage(`IF NEW.title = 'bomb' THEN PERFORM ${kill}(pg_backend_pid()), pg_sleep(5); END IF;`);
      await send('bomb');
      await send('behind');
      await arrives('behind');
      expect((await states())[0]).toMatchObject({ count: 1 });
      await eventually(async () => expect(await crm.parked.list()).toHaveLength(1), PATIENCE);
      expect(lines.some((line) => line.includes('is parked'))).toBe(true);
    },
    SLOW_MS,
  );

  test(
    'that are large and always end without an answer do not, either',
    async () => {
      await database.query(`
        CREATE FUNCTION bomb() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF NEW.recipient_id = 'recipient 6000' THEN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(5); END IF;
          RETURN NEW;
        END $$;
        CREATE TRIGGER bomb BEFORE INSERT ON notifications.inbox_item FOR EACH ROW EXECUTE FUNCTION bomb()`);
      await send(
        'large',
        Array.from({ length: 12_000 }, (_, i) => `recipient ${i}`),
      );
      await send('behind');
      await arrives('behind');
      // What could be delivered is, and the rest goes on from there once it can.
      const [row] = await database.query('SELECT progress FROM notifications.outbox');
      expect(row?.progress).toBeGreaterThanOrEqual(5_000);
      await database.query('DROP TRIGGER bomb ON notifications.inbox_item');
      await database.query('UPDATE notifications.outbox SET attempts = 0, retry_at = NULL');
      await eventually(
        async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]),
        PATIENCE,
      );
      const [inboxes] = await database.query(
        `SELECT count(*)::int, max(unread)::int AS most FROM notifications.inbox WHERE recipient_id LIKE 'recipient%'`,
      );
      expect(inboxes).toEqual({ count: 12_000, most: 1 });
    },
    SLOW_MS,
  );

  test(
    'of strange times, as plain SQL may write them, hold up nothing',
    async () => {
      await database.query(
        `INSERT INTO notifications.outbox (payload, deliver_at, created_at)
         SELECT jsonb_build_object('recipients', '["somebody"]'::jsonb, 'type', 't', 'title', title), deliver_at, created_at
         FROM (VALUES ('long ago', '-infinity'::timestamptz, now()), ('from for ever', NULL, '-infinity'),
           ('of the future', NULL, 'infinity'), ('at the end of time', 'infinity', now()))
           v(title, deliver_at, created_at)`,
      );
      await send('behind');
      await arrives('behind');
      for (const title of ['long ago', 'from for ever', 'of the future']) await arrives(title);
      const figures = await crm.app.get(OutboxMonitor).read();
      expect(figures).toEqual({ ready: 0, oldestReadyMs: 0, setAside: 0, scheduled: 1, parked: 0, blockedMs: 0 });
    },
    SLOW_MS,
  );

  test(
    'that somebody has locked are left alone, and what is behind them arrives',
    async () => {
      const holder = new pg.Client({ connectionString: database.url });
      cleanup(() => holder.end());
      await holder.connect();
      await holder.query('BEGIN');
      await holder.query(
        `INSERT INTO notifications.outbox (payload) VALUES ('{"recipients": ["bad"], "type": "t", "title": ""}')`,
      );
      await holder.query('COMMIT');
      await holder.query('BEGIN');
      await holder.query('SELECT FROM notifications.outbox FOR UPDATE');
      await send('behind');
      await arrives('behind');
      const count = async () => {
        const [row] = await database.query(
          `SELECT xact_commit::int AS n FROM pg_stat_database WHERE datname = current_database()`,
        );
        return row?.n as number;
      };
      // Each of these takes the relay a second at least, unless it runs in circles.
      const before = await count();
      for (const title of ['one', 'two', 'three']) {
        await database.query(
          `INSERT INTO notifications.outbox (payload, deliver_at) VALUES ($1, now() + interval '1 second')`,
          [JSON.stringify({ recipients: ['somebody'], type: 't', title })],
        );
        await arrives(title);
      }
      expect((await count()) - before).toBeLessThan(2_000);
      await holder.query('ROLLBACK');
      await eventually(async () => expect(await crm.parked.list()).toHaveLength(1), PATIENCE);
    },
    SLOW_MS,
  );

  test(
    'of a tenant whose broadcasts somebody holds up wait in their order, and no others',
    async () => {
      await crm.notifications.unreadCount('somebody');
      await crm.notifications.broadcast({ type: 't', title: 'first' });
      const holder = new pg.Client({ connectionString: database.url });
      cleanup(() => holder.end());
      await holder.connect();
      await holder.query('BEGIN');
      await holder.query('SELECT FROM notifications.broadcast_counter FOR UPDATE');
      const broadcasts = Array.from({ length: 30 }, (_, i) => `broadcast ${i}`);
      for (const title of broadcasts) {
        await database.query('INSERT INTO notifications.outbox (payload) VALUES ($1)', [
          JSON.stringify({ kind: 'broadcast', type: 't', title }),
        ]);
      }
      await send('beside');
      await arrives('beside');
      await holder.query('ROLLBACK');
      await arrives('broadcast 29');
      const all = await titles('somebody');
      expect(all.filter((title) => title.startsWith('broadcast'))).toEqual(broadcasts);
    },
    SLOW_MS,
  );

  test.each(['pg_advisory_lock', 'pg_advisory_lock_shared'])(
    'that nobody delivers, because another program holds the lock of the relay by %s, are reported',
    async (lock) => {
      const monitor = crm.app.get(OutboxMonitor);
      expect(await monitor.read()).toEqual({
        ...{ ready: 0, oldestReadyMs: 0, setAside: 0, scheduled: 0, parked: 0, blockedMs: 0 },
      });
      const holder = new pg.Client({ connectionString: database.url, application_name: 'some other program' });
      cleanup(() => holder.end());
      await holder.connect();
      const key = `hashtextextended(current_database() || '${lockName('notifications', 'relay')}', 0)`;
      await holder.query(`SELECT ${lock}(${key})`);
      await send('waits');
      await eventually(async () => {
        const figures = await monitor.read();
        expect(figures).toMatchObject({ ready: 1 });
        expect(figures.blockedMs).toBeGreaterThanOrEqual(10_000);
        expect(figures.oldestReadyMs).toBeGreaterThanOrEqual(10_000);
      }, PATIENCE);
      await eventually(() => {
        expect(lines.filter((line) => line.includes('nobody delivers them'))).toEqual([
          expect.stringContaining(`application 'some other program'`),
        ]);
      });
      await holder.end();
      await arrives('waits');
      expect((await monitor.read()).blockedMs).toBe(0);
    },
    SLOW_MS,
  );
});
