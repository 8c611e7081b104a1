import type pg from 'pg';
import { dealNotification } from './deal-notification.js';

export interface InboxSize {
  inboxes: number;
  /** The older half is read. */
  itemsEach: number;
}

/** Recipients of one message. */
const RECIPIENTS_EACH = 20;
const SCHEMA = 'notifications';

/** Empty inboxes for `user 0` and so on. */
export async function fillInboxes(client: pg.Client, inboxes: number): Promise<void> {
  await client.query(`
    INSERT INTO ${SCHEMA}.inbox (recipient_id, broadcast_position)
    SELECT 'user ' || n, 0 FROM generate_series(0, ${inboxes - 1}) n ORDER BY 1`);
  await client.query(`VACUUM ANALYZE ${SCHEMA}.inbox`);
}

/**
 * Inboxes with a year's notifications, stored in the order in which they would have come, so that the items of one inbox
 * stand as far apart as in real life.
 */
export async function fillInboxesWithItems(client: pg.Client, { inboxes, itemsEach }: InboxSize): Promise<void> {
  const { type, title, body, url, data } = dealNotification(4711);
  const messages = (inboxes * itemsEach) / RECIPIENTS_EACH;
  const id = (n: string) => `('00000000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
  const time = (share: string) => `now() - interval '300 days' * (1 - ${share})`;
  await client.query(
    `INSERT INTO ${SCHEMA}.message (id, type, title, body, url, data, created_at)
     SELECT ${id('n')}, $1, $2, $3, $4, $5, ${time(`n::float / ${messages}`)} FROM generate_series(0, ${messages - 1}) n`,
    [type, title, body, url, data],
  );
  await client.query(`
    INSERT INTO ${SCHEMA}.inbox (recipient_id, last_id, unread, read_up_to, broadcast_position)
    SELECT 'user ' || n, ${itemsEach}, ${itemsEach / 2}, ${itemsEach / 2}, 0 FROM generate_series(0, ${inboxes - 1}) n
    ORDER BY 1`);
  // Building the indexes at the end takes a third of the time.
  const rebuild = await dropIndexes(client, `${SCHEMA}.inbox_item`);
  await client.query(`
    INSERT INTO ${SCHEMA}.inbox_item (recipient_id, id, message_id, created_at)
    SELECT 'user ' || n, item, ${id(`(item - 1) * ${inboxes / RECIPIENTS_EACH} + n / ${RECIPIENTS_EACH}`)},
      ${time(`item::float / ${itemsEach}`)}
    FROM generate_series(1, ${itemsEach}) item, generate_series(0, ${inboxes - 1}) n`);
  await rebuild();
  for (const table of ['message', 'inbox', 'inbox_item']) await client.query(`VACUUM ANALYZE ${SCHEMA}.${table}`);
  await client.query('CHECKPOINT');
}

/** Undoes "mark all", so that the next turn finds the newer half unread again, but for what was marked one by one. */
export async function unreadAgain(client: pg.Client, { itemsEach }: InboxSize): Promise<void> {
  const read = itemsEach / 2;
  await client.query(`
    UPDATE ${SCHEMA}.inbox i SET read_up_to = ${read}, unread = (
      SELECT count(*) FROM ${SCHEMA}.inbox_item t
      WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id AND t.id > ${read} AND t.read_at IS NULL)
    WHERE read_up_to > ${read}`);
  await client.query(`VACUUM ${SCHEMA}.inbox`);
  await client.query('CHECKPOINT');
}

/** @returns makes them again, as they were. */
async function dropIndexes(client: pg.Client, table: string): Promise<() => Promise<void>> {
  const { rows } = await client.query(
    `SELECT i.indexrelid::regclass AS index, pg_get_indexdef(i.indexrelid) AS definition, c.conname,
       pg_get_constraintdef(c.oid) AS constraint
     FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'p'
     WHERE i.indrelid = $1::regclass`,
    [table],
  );
  for (const { index, conname } of rows) {
    await client.query(conname ? `ALTER TABLE ${table} DROP CONSTRAINT ${conname}` : `DROP INDEX ${index}`);
  }
  return async () => {
    await client.query("SET maintenance_work_mem = '1GB'");
    for (const { definition, conname, constraint } of rows) {
      await client.query(conname ? `ALTER TABLE ${table} ADD CONSTRAINT ${conname} ${constraint}` : definition);
    }
  };
}
