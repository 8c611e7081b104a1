import type { NotificationsDataSource, Run } from '../../src/notifications/inbox/database.js';
import type { InboxKey } from '../../src/notifications/notification.js';

/** The statements of version 0.1, before there were marks of what is unread below the watermark. Never to be changed. */
const SQL = {
  lock: {
    name: 'lock_inbox',
    text: `SELECT i.last_id, i.unread, i.revision, i.read_up_to FROM notifications.inbox i WHERE i.tenant_id = $1 AND i.recipient_id = $2 FOR UPDATE`,
  },
  markRead: {
    name: 'mark_read',
    text: `
      WITH box AS MATERIALIZED (SELECT i.* FROM notifications.inbox i WHERE i.tenant_id = $1 AND i.recipient_id = $2),
      found AS (
        SELECT count(*)::int AS n FROM box i JOIN notifications.inbox_item t ON t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id
        WHERE t.id = ANY ($3::bigint[]) AND (t.expires_at IS NULL OR t.expires_at > now())),
      marked AS (
        UPDATE notifications.inbox_item t SET read_at = now() FROM box i
        WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id AND t.id = ANY ($3::bigint[]) AND t.id > i.read_up_to AND t.read_at IS NULL
          AND (t.expires_at IS NULL OR t.expires_at > now())
        RETURNING t.id),
      counted AS (
        UPDATE notifications.inbox i SET unread = i.unread - (SELECT count(*) FROM marked), revision = i.revision + 1
        WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND EXISTS (SELECT FROM marked)
        RETURNING i.last_id, i.unread, i.revision)
      SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
        coalesce(c.revision, i.revision) AS revision, (SELECT n FROM found) AS found,
        (SELECT array_agg(id ORDER BY id) FROM marked) AS changed
      FROM box i LEFT JOIN counted c ON true`,
  },
  markReadUpTo: {
    name: 'mark_read_up_to',
    text: `
      UPDATE notifications.inbox i SET read_up_to = least($3::bigint, i.last_id), unread = rest.n, revision = i.revision + 1
      FROM (
        SELECT CASE WHEN $3::bigint >= i.last_id THEN 0 ELSE (
          SELECT count(*)::int FROM notifications.inbox_item t WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id AND t.id > $3 AND t.read_at IS NULL) END AS n
        FROM notifications.inbox i WHERE i.tenant_id = $1 AND i.recipient_id = $2) rest
      WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND $3::bigint > i.read_up_to AND rest.n < i.unread
      RETURNING i.last_id, i.unread, i.revision, i.read_up_to`,
  },
  markUnread: {
    name: 'mark_unread',
    text: `
      WITH box AS MATERIALIZED (SELECT i.* FROM notifications.inbox i WHERE i.tenant_id = $1 AND i.recipient_id = $2),
      given AS MATERIALIZED (
        SELECT t.id, t.read_at IS NOT NULL OR t.id <= i.read_up_to AS read
        FROM box i JOIN notifications.inbox_item t ON t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id WHERE t.id = ANY ($3::bigint[]) AND (t.expires_at IS NULL OR t.expires_at > now())),
      low AS (SELECT min(id) AS id FROM given, box i WHERE given.id <= i.read_up_to),
      kept AS (
        UPDATE notifications.inbox_item t SET read_at = now() FROM box i, low
        WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id AND t.id >= low.id AND t.id <= i.read_up_to AND t.read_at IS NULL
          AND t.id NOT IN (SELECT id FROM given)),
      cleared AS (
        UPDATE notifications.inbox_item t SET read_at = NULL FROM box i
        WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id AND t.id IN (SELECT id FROM given WHERE read) AND t.read_at IS NOT NULL),
      counted AS (
        UPDATE notifications.inbox i SET unread = i.unread + (SELECT count(*) FROM given WHERE read),
          read_up_to = coalesce((SELECT id - 1 FROM low), i.read_up_to), revision = i.revision + 1
        WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND EXISTS (SELECT FROM given WHERE read)
        RETURNING i.last_id, i.unread, i.revision)
      SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
        coalesce(c.revision, i.revision) AS revision, (SELECT count(*)::int FROM given) AS found,
        (SELECT array_agg(id ORDER BY id) FROM given WHERE read) AS changed
      FROM box i LEFT JOIN counted c ON true`,
  },
  remove: {
    name: 'remove',
    text: `
      WITH box AS MATERIALIZED (SELECT i.* FROM notifications.inbox i WHERE i.tenant_id = $1 AND i.recipient_id = $2),
      removed AS (
        DELETE FROM notifications.inbox_item t USING box i WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id AND t.id = ANY ($3::bigint[])
        RETURNING t.id, t.read_at IS NULL AND t.id > i.read_up_to AS unread),
      counted AS (
        UPDATE notifications.inbox i
        SET unread = i.unread - (SELECT count(*) FROM removed WHERE unread), revision = i.revision + 1
        WHERE i.tenant_id = $1 AND i.recipient_id = $2 AND EXISTS (SELECT FROM removed)
        RETURNING i.last_id, i.unread, i.revision)
      SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
        coalesce(c.revision, i.revision) AS revision, (SELECT count(*)::int FROM removed) AS found,
        (SELECT array_agg(id ORDER BY id) FROM removed) AS changed
      FROM box i LEFT JOIN counted c ON true`,
  },
};

/** What an instance of version 0.1 does to an inbox, which knows of no marks. */
export class OldVersion {
  constructor(private readonly database: NotificationsDataSource) {}

  markRead(key: InboxKey, ids: number[]): Promise<void> {
    return this.change(key, (run) => run({ ...SQL.markRead, name: 'old_mark_read' }, [...columns(key), ids]));
  }

  markReadUpTo(key: InboxKey, upTo: number): Promise<void> {
    return this.change(key, (run) =>
      run({ ...SQL.markReadUpTo, name: 'old_mark_read_up_to' }, [...columns(key), upTo]),
    );
  }

  markUnread(key: InboxKey, ids: number[]): Promise<void> {
    return this.change(key, (run) => run({ ...SQL.markUnread, name: 'old_mark_unread' }, [...columns(key), ids]));
  }

  remove(key: InboxKey, ids: number[]): Promise<void> {
    return this.change(key, (run) => run({ ...SQL.remove, name: 'old_remove' }, [...columns(key), ids]));
  }

  private async change(key: InboxKey, work: (run: Run) => Promise<unknown>): Promise<void> {
    await this.database.inTransaction(async (run) => {
      // It waited for a lock as long as it took.
      await run({ name: 'old_session', text: 'SET LOCAL lock_timeout = 0' });
      await run({ ...SQL.lock, name: 'old_lock' }, columns(key));
      await work(run);
    });
  }
}

function columns({ tenant, recipient }: InboxKey): [string, string] {
  return [tenant, recipient];
}
