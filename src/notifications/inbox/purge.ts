import type { Hint } from '../broker/broker.js';
import type { InboxKey } from '../notification.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { IS_READ } from './inbox.statements.js';

const ITEMS_PER_BATCH = 5_000;
const EXPIRY_MS = 1_000;
const RETENTION_MS = 3_600_000;
/** Details of at most this many removed ids ride along with a hint. */
const MAX_DETAILS = 100;

export interface PurgeEvents {
  /** These inboxes lost items. */
  onPurged(hints: Hint[]): void;
  /** Postgres could not be reached; the purge tries again by itself. */
  onError(error: unknown): void;
}

/** Deletes what has expired (about once a second) and what is past its retention (about once an hour). */
export class Purge {
  private readonly sql: ReturnType<typeof purgeStatements>;
  private readonly expiry: Periodic;
  private readonly retention: Periodic;
  private closed = false;

  /** @param retentionDays null keeps everything. */
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly retentionDays: number | null,
    private readonly events: PurgeEvents,
  ) {
    this.sql = purgeStatements(database.schema);
    const onError = (error: unknown) => events.onError(error);
    this.expiry = new Periodic(EXPIRY_MS, () => this.deleteExpired(), onError);
    this.retention = new Periodic(RETENTION_MS, () => this.deleteOld(), onError);
  }

  start(): void {
    this.expiry.start();
    // Instances that were deployed together need not all start with it at once.
    if (this.retentionDays !== null) this.retention.start(60_000 * (1 + Math.random()));
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all([this.expiry.close(), this.retention.close()]);
  }

  /** Deletes what has expired by the database's clock, and takes it out of the counts. */
  async deleteExpired(): Promise<void> {
    while (!this.closed && (await this.deleteItems(this.sql.lockExpired, []))) {}
  }

  /** Deletes notifications past their retention, then broadcasts, then the messages that no inbox can hold any more. */
  async deleteOld(): Promise<void> {
    const days = [this.retentionDays];
    while (!this.closed && (await this.deleteItems(this.sql.lockOld, days))) {}
    for (const statement of [this.sql.deleteOldBroadcasts, this.sql.deleteOldMessages]) {
      let deleted: unknown[];
      do deleted = await this.database.run(statement, days, 'background');
      while (!this.closed && deleted.length === ITEMS_PER_BATCH);
    }
  }

  /** @returns whether there may be more. */
  private async deleteItems(lock: Statement, values: unknown[]): Promise<boolean> {
    const purged = await this.database.inTransaction(async (run) => {
      const items = await run<InboxKey & { id: string }>(lock, values);
      if (items.length === 0) return { items: 0, inboxes: [] };
      const inboxes = await run<InboxKey & { revision: string; removed: string[] }>(this.sql.deleteItems, [
        items.map((item) => item.tenant),
        items.map((item) => item.recipient),
        items.map((item) => item.id),
      ]);
      return { items: items.length, inboxes };
    }, 'background');
    if (purged.inboxes.length > 0) this.events.onPurged(purged.inboxes.map(hintOf));
    return purged.items === ITEMS_PER_BATCH;
  }
}

function hintOf({ tenant, recipient, revision, removed }: InboxKey & { revision: string; removed: string[] }): Hint {
  const hint = { tenant, recipient };
  return removed.length > MAX_DETAILS
    ? hint
    : { ...hint, change: { revision: Number(revision), removed: removed.map(Number) } };
}

function purgeStatements(s: string) {
  // Finds items without a lock, then locks their inboxes in the one order of every writer. Busy inboxes are left for
  // the next time: a purge waits for nobody, and nobody long for it.
  const lock = (candidates: string) => `
    WITH candidates AS MATERIALIZED (${candidates} LIMIT ${ITEMS_PER_BATCH})
    SELECT c.tenant_id AS tenant, c.recipient_id AS recipient, c.id
    FROM candidates c JOIN ${s}.inbox i USING (tenant_id, recipient_id)
    ORDER BY i.tenant_id, i.recipient_id FOR UPDATE OF i SKIP LOCKED`;
  const cutoff = `now() - $1::float8 * interval '1 day'`;
  return {
    lockExpired: {
      name: 'purge_lock_expired',
      text: lock(
        `SELECT tenant_id, recipient_id, id FROM ${s}.inbox_item WHERE expires_at <= now() ORDER BY expires_at`,
      ),
    },
    lockOld: {
      name: 'purge_lock_old',
      text: lock(
        `SELECT tenant_id, recipient_id, id FROM ${s}.inbox_item WHERE created_at < ${cutoff} ORDER BY created_at`,
      ),
    },
    /** $1, $2, $3: items whose inboxes are locked. */
    deleteItems: {
      name: 'purge_delete_items',
      text: `
        WITH gone AS (
          DELETE FROM ${s}.inbox_item t
          USING unnest($1::text[], $2::text[], $3::bigint[]) c(tenant_id, recipient_id, id)
          WHERE t.tenant_id = c.tenant_id AND t.recipient_id = c.recipient_id AND t.id = c.id
          RETURNING t.*),
        counted AS (
          SELECT i.tenant_id, i.recipient_id, array_agg(t.id ORDER BY t.id) AS removed,
            count(*) FILTER (WHERE NOT ${IS_READ}) AS unread
          FROM gone t JOIN ${s}.inbox i USING (tenant_id, recipient_id) GROUP BY i.tenant_id, i.recipient_id)
        UPDATE ${s}.inbox i
        SET unread = i.unread - c.unread, revision = i.revision + 1, unread_mark_revision = i.unread_mark_revision + 1
        FROM counted c WHERE i.tenant_id = c.tenant_id AND i.recipient_id = c.recipient_id
        RETURNING i.tenant_id AS tenant, i.recipient_id AS recipient, i.revision, c.removed`,
    },
    deleteOldBroadcasts: {
      name: 'purge_old_broadcasts',
      text: `
        DELETE FROM ${s}.broadcast WHERE (tenant_id, position) IN (
          SELECT tenant_id, position FROM ${s}.broadcast WHERE created_at < ${cutoff}
          ORDER BY created_at LIMIT ${ITEMS_PER_BATCH})
        RETURNING position`,
    },
    // A day later: the parts of a large message are not delivered in one moment.
    deleteOldMessages: {
      name: 'purge_old_messages',
      text: `
        DELETE FROM ${s}.message WHERE id IN (
          SELECT id FROM ${s}.message WHERE created_at < ${cutoff} - interval '1 day'
          ORDER BY created_at LIMIT ${ITEMS_PER_BATCH})
        RETURNING id`,
    },
  } satisfies Record<string, Statement>;
}
