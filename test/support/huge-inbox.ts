import type { TestDatabase } from './database.js';

/**
 * Fills an inbox with so many unread notifications, ids from 1, each a message of its own; every tenth is of type `tenth`,
 * the others of type `plain`.
 */
export async function fillInbox(database: TestDatabase, recipient: string, count: number): Promise<void> {
  await database.query(
    `WITH m AS (
       INSERT INTO notifications.message (id, type, title)
       SELECT gen_random_uuid(), CASE WHEN n % 10 = 0 THEN 'tenth' ELSE 'plain' END, 'title ' || n
       FROM generate_series(1, $2::int) n RETURNING id, substr(title, 7)::bigint AS n),
     i AS (
       INSERT INTO notifications.inbox_item (recipient_id, id, message_id) SELECT $1, n, id FROM m ORDER BY n)
     INSERT INTO notifications.inbox (recipient_id, last_id, unread, broadcast_position) VALUES ($1, $2, $2, 0)`,
    [recipient, count],
  );
  await database.query('VACUUM ANALYZE notifications.inbox_item, notifications.message');
}
