import type pg from 'pg';
import type { Numbers } from './inbox-model.js';
import { MASSES } from './masses.js';

/** Rows of the outbox `o` that can be delivered. */
export const IS_GOOD = 'NOT EXISTS (SELECT FROM chaos_poison p WHERE p.pos = o.pos)';

/** Remembers why operations were taken out of the line of the outbox. */
export async function watchSetbacks(pool: pg.Pool): Promise<void> {
  await pool.query(`
    CREATE TABLE chaos_setback (op int, error text, attempts int, at timestamptz DEFAULT clock_timestamp())`);
  await pool.query(`
    CREATE FUNCTION chaos_setback() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO public.chaos_setback (op, error, attempts)
          VALUES ((NEW.payload -> 'data' ->> 'op')::int, NEW.last_error, NEW.attempts);
        RETURN NEW;
      END $$`);
  await pool.query(`
    CREATE TRIGGER chaos_setback AFTER UPDATE ON notifications.outbox FOR EACH ROW
      WHEN (NEW.last_error IS NOT NULL AND NEW.payload -> 'data' ? 'op') EXECUTE FUNCTION chaos_setback()`);
}

/** An inbox as the tables have it. */
export interface StoredInbox extends Numbers {
  tenant: string;
  recipient: string;
  /** Ascending. */
  items: StoredItem[];
}

interface StoredItem {
  id: number;
  op: number;
  read: boolean;
  createdAt: Date;
}

export interface DatabaseState {
  /** By `tenant/recipient`. */
  inboxes: Map<string, StoredInbox>;
  /** Operations whose business row was committed. */
  deals: Set<number>;
  /** How many messages are stored for each operation. */
  messages: Map<number, number>;
  /** Rows of the outbox that should have been delivered by now. */
  undelivered: number;
  parked: string[];
  /** Why operations were taken out of the line of the outbox. */
  setbacks: Map<number, string[]>;
}

/** What has yet to happen by itself: rows to be delivered or to become due, and items to expire. */
export async function pendingWork(pool: pg.Pool): Promise<{ outbox: number; expiring: number }> {
  const { rows } = await pool.query<{ outbox: number; expiring: number }>(`
    SELECT (SELECT count(*)::int FROM notifications.outbox o WHERE attempts < 5 AND ${IS_GOOD}) AS outbox,
      (SELECT count(*)::int FROM notifications.inbox_item WHERE expires_at IS NOT NULL) AS expiring`);
  return rows[0] ?? { outbox: -1, expiring: -1 };
}

/** Everything but the masses, in one snapshot. */
export async function readDatabase(pool: pg.Pool): Promise<DatabaseState> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const inboxes = await client.query<Omit<StoredInbox, 'items'>>(`
      SELECT tenant_id AS tenant, recipient_id AS recipient, last_id::float8 AS "lastId", unread,
        revision::float8 AS revision FROM notifications.inbox WHERE tenant_id <> '${MASSES}'`);
    const items = await client.query<{ inbox: string } & StoredItem>(`
      SELECT t.tenant_id || '/' || t.recipient_id AS inbox, t.id::float8 AS id, (m.data ->> 'op')::int AS op,
        t.created_at AS "createdAt", (t.read_at IS NOT NULL OR t.id <= i.read_up_to
          AND (t.unread_mark = i.unread_mark AND i.unread_mark_revision = i.revision) IS NOT TRUE) AS read
      FROM notifications.inbox_item t JOIN notifications.inbox i USING (tenant_id, recipient_id)
      JOIN notifications.message m ON m.id = t.message_id
      WHERE t.tenant_id <> '${MASSES}' ORDER BY t.tenant_id, t.recipient_id, t.id`);
    const deals = await client.query<{ op: number }>('SELECT op::int FROM chaos_deal');
    const messages = await client.query<{ op: number; count: number }>(`
      SELECT (data ->> 'op')::int AS op, count(*)::int AS count FROM notifications.message GROUP BY 1`);
    const outbox = await client.query<{ ready: number; parked: string[] }>(`
      SELECT count(*) FILTER (WHERE attempts < 5 AND (deliver_at IS NULL OR deliver_at <= now()))::int AS ready,
        coalesce(array_agg(last_error) FILTER (WHERE attempts >= 5), '{}') AS parked
      FROM notifications.outbox o WHERE ${IS_GOOD}`);
    const setbacks = await client.query<{ op: number; errors: string[] }>(`
      SELECT op, array_agg(concat_ws(' ', error, 'after', attempts, 'at', at::time(3)) ORDER BY at) AS errors FROM chaos_setback GROUP BY op`);
    await client.query('COMMIT');

    const byName = new Map<string, StoredInbox>();
    for (const row of inboxes.rows) byName.set(`${row.tenant}/${row.recipient}`, { ...row, items: [] });
    for (const { inbox, ...item } of items.rows) byName.get(inbox)?.items.push(item);
    return {
      inboxes: byName,
      deals: new Set(deals.rows.map((row) => row.op)),
      messages: new Map(messages.rows.map((row) => [row.op, row.count])),
      undelivered: outbox.rows[0]?.ready ?? -1,
      parked: outbox.rows[0]?.parked ?? [],
      setbacks: new Map(setbacks.rows.map((row) => [row.op, row.errors])),
    };
  } finally {
    client.release();
  }
}
