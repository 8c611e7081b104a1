import type { Hint } from '../broker/broker.js';
import type { InboxKey } from '../notification.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { IS_READ } from './inbox.statements.js';
import { MessageRetention } from './message-retention.js';

/** Whoever else needs one of these inboxes waits for the batch: 9 ms at the 99th percentile; for 5,000 items it was 69. */
const ITEMS_PER_BATCH = 1_000;
const BROADCASTS_PER_BATCH = 5_000;
const EXPIRY_MS = 1_000;
const RETENTION_MS = 3_600_000;
/** How soon to try locked inboxes again, at most. Each try passes over their items: 100,000 take up to half a second. */
const LOCKED_RETRY_MS = 10_000;
/** Details of at most this many removed ids ride along with a hint. */
const MAX_DETAILS = 100;

export interface PurgeEvents {
  /** These inboxes lost items. */
  onPurged(hints: Hint[]): void;
  /** Postgres could not be reached; the purge tries again by itself. */
  onError(error: unknown): void;
}

/**
 * Deletes what has expired (about once a second) and what is past its retention (about once an hour). Items of inboxes
 * that are locked stay, with the messages that they refer to, and are tried again: at first a second later, 10 s at last.
 */
export class Purge {
  private readonly sql: ReturnType<typeof purgeStatements>;
  private readonly messages: MessageRetention;
  private readonly expiry: Periodic;
  private readonly retention: Periodic;
  /** Up to where everything that has expired has been tried, while some of it is in locked inboxes. */
  private tried: { upTo: string; until: number; waitMs: number } | null = null;
  private closed = false;

  /** @param retentionDays null keeps everything. */
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly retentionDays: number | null,
    private readonly events: PurgeEvents,
  ) {
    this.sql = purgeStatements(database.quotedSchema);
    this.messages = new MessageRetention(database, () => this.closed);
    const onError = (error: unknown) => events.onError(error);
    this.expiry = new Periodic(EXPIRY_MS, () => this.expire(), onError);
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
    this.tried = null;
    await this.expire();
  }

  /**
   * Deletes notifications past their retention, then broadcasts, then the messages that nothing refers to any more.
   *
   * @returns when to try again, in milliseconds, if inboxes were locked.
   */
  async deleteOld(): Promise<number | undefined> {
    const days = this.retentionDays;
    if (days === null) return undefined;
    await this.deleteItems(this.sql.lockOld, null, [days]);
    let broadcasts: unknown[];
    do broadcasts = await this.database.run(this.sql.deleteOldBroadcasts, [days], 'background');
    while (!this.closed && broadcasts.length > 0);
    await this.messages.deleteOld(days);
    const left = await this.database.run(this.sql.oldLeft, [days], 'background');
    return left.length > 0 ? LOCKED_RETRY_MS : undefined;
  }

  /** Once a second: what is in locked inboxes is passed over ever longer, for 10 s at most. */
  private async expire(): Promise<void> {
    const { upTo, until, waitMs } = this.tried ?? { upTo: null, until: 0, waitMs: 0 };
    if (upTo !== null && Date.now() < until) {
      await this.deleteItems(this.sql.lockExpired, upTo, []);
      return;
    }
    this.tried = null;
    // Of this moment: what expires after it has not been tried.
    const [found] = await this.database.run<{ now: string }>(this.sql.expired, [null], 'background');
    if (!found) return;
    await this.deleteItems(this.sql.lockExpired, null, []);
    const left = await this.database.run(this.sql.expired, [found.now], 'background');
    const nextMs = Math.min(LOCKED_RETRY_MS, 2 * waitMs || EXPIRY_MS);
    if (left.length > 0) this.tried = { upTo: found.now, until: Date.now() + nextMs, waitMs: nextMs };
  }

  /**
   * Deletes items, oldest first, until only locked inboxes have any.
   *
   * @param from where to begin, in microseconds since 1970; null for the beginning.
   */
  private async deleteItems(lock: Statement, from: string | null, values: unknown[]): Promise<void> {
    for (let at = from; !this.closed; ) {
      const items = await this.deleteBatch(lock, [at, ...values]);
      // The limit counts items whose inbox was to be had: fewer than that are the last ones.
      if (items.length < ITEMS_PER_BATCH) return;
      // What is locked lies before: the next batch need not pass over it again.
      at = items.at(-1)?.at ?? at;
    }
  }

  private async deleteBatch(lock: Statement, values: unknown[]): Promise<LockedItem[]> {
    const purged = await this.database.inTransaction(async (run) => {
      const items = await run<LockedItem>(lock, values);
      if (items.length === 0) return { items, inboxes: [] };
      const inboxes = await run<PurgedInbox>(this.sql.deleteItems, [
        items.map((item) => item.tenant),
        items.map((item) => item.recipient),
        items.map((item) => item.id),
      ]);
      return { items, inboxes };
    }, 'background');
    if (purged.inboxes.length > 0) this.events.onPurged(purged.inboxes.map(hintOf));
    return purged.items;
  }
}

/** `at`: when it expired or was created, in microseconds since 1970. */
type LockedItem = InboxKey & { id: string; at: string | null };

type PurgedInbox = InboxKey & { revision: string; removed: string[] };

function hintOf({ tenant, recipient, revision, removed }: PurgedInbox): Hint {
  const hint = { tenant, recipient };
  return removed.length > MAX_DETAILS
    ? hint
    : { ...hint, change: { revision: Number(revision), removed: removed.map(Number) } };
}

function purgeStatements(s: string) {
  const cutoff = (days: string) => `now() - ${days}::float8 * interval '1 day'`;
  const micros = (time: string) =>
    `CASE WHEN isfinite(${time}) THEN (extract(epoch FROM ${time}) * 1000000)::bigint END`;
  const FROM = `coalesce('epoch'::timestamptz + $1::bigint * interval '1 microsecond', '-infinity')`;
  // The limit stands above the lock, so locked inboxes take no place in the batch: whatever lies behind them is reached.
  // Nobody is waited for, so the order of the locks does not matter.
  const lock = (column: string, condition: string) => `
    SELECT i.tenant_id AS tenant, i.recipient_id AS recipient, t.id, ${micros(`t.${column}`)} AS at
    FROM ${s}.inbox_item t JOIN ${s}.inbox i USING (tenant_id, recipient_id)
    WHERE t.${column} >= ${FROM} AND ${condition}
    ORDER BY t.${column} LIMIT ${ITEMS_PER_BATCH} FOR UPDATE OF i SKIP LOCKED`;
  return {
    /** $1: where to begin. */
    lockExpired: { name: 'purge_lock_expired', text: lock('expires_at', 't.expires_at <= now()') },
    /** $1: where to begin; $2: days. */
    lockOld: { name: 'purge_lock_old', text: lock('created_at', `t.created_at < ${cutoff('$2')}`) },
    /** $1: until when, in microseconds since 1970; null for now. Has anything expired? And what time is it? */
    expired: {
      name: 'purge_expired',
      text: `
        SELECT ${micros('now()')} AS now FROM ${s}.inbox_item
        WHERE expires_at <= coalesce('epoch'::timestamptz + $1::bigint * interval '1 microsecond', now()) LIMIT 1`,
    },
    /** $1: days. */
    oldLeft: {
      name: 'purge_old_left',
      text: `SELECT FROM ${s}.inbox_item WHERE created_at < ${cutoff('$1')} LIMIT 1`,
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
    /** $1: days. */
    deleteOldBroadcasts: {
      name: 'purge_old_broadcasts',
      text: `
        DELETE FROM ${s}.broadcast WHERE (tenant_id, position) IN (
          SELECT tenant_id, position FROM ${s}.broadcast WHERE created_at < ${cutoff('$1')}
          ORDER BY created_at LIMIT ${BROADCASTS_PER_BATCH} FOR UPDATE SKIP LOCKED)
        RETURNING position`,
    },
  } satisfies Record<string, Statement>;
}
