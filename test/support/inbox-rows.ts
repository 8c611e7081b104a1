import type { TestDatabase } from './database.js';

/** What the tables say about an inbox, the count of unread items worked out from the rows. */
export interface InboxRows {
  tenant: string;
  recipient: string;
  lastId: number;
  /** The counter. */
  unread: number;
  revision: number;
  /** Its items, ascending. */
  ids: number[];
  /** Those that are unread by the rule of reading: not read by themselves, and above the watermark or marked all the same. */
  unreadIds: number[];
}

/** All inboxes of a database, or those of one recipient, by recipient. */
export async function inboxRows(database: TestDatabase, recipient?: string): Promise<InboxRows[]> {
  return await database.query<InboxRows & Record<string, unknown>>(
    `SELECT i.tenant_id AS tenant, i.recipient_id AS recipient, i.last_id::float8 AS "lastId", i.unread,
       i.revision::float8 AS revision,
       coalesce(array_agg(t.id::float8 ORDER BY t.id) FILTER (WHERE t.id IS NOT NULL), '{}') AS ids,
       coalesce(array_agg(t.id::float8 ORDER BY t.id)
         FILTER (WHERE t.read_at IS NULL AND (t.id > i.read_up_to
           OR t.unread_mark = i.unread_mark AND i.unread_mark_revision = i.revision)), '{}') AS "unreadIds"
     FROM notifications.inbox i LEFT JOIN notifications.inbox_item t USING (tenant_id, recipient_id)
     WHERE $1::text IS NULL OR i.recipient_id = $1
     GROUP BY i.tenant_id, i.recipient_id ORDER BY i.tenant_id, i.recipient_id`,
    [recipient ?? null],
  );
}

/** Where a title has left anything behind. */
export async function tracesOf(database: TestDatabase, title: string) {
  const [traces] = await database.query<{ messages: number; items: number; outbox: number }>(
    `SELECT (SELECT count(*)::int FROM notifications.message WHERE title = $1) AS messages,
       (SELECT count(*)::int FROM notifications.inbox_item t
         JOIN notifications.message m ON m.id = t.message_id WHERE m.title = $1) AS items,
       (SELECT count(*)::int FROM notifications.outbox WHERE payload ->> 'title' = $1) AS outbox`,
    [title],
  );
  return traces;
}
