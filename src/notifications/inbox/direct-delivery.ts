import { CallLimit } from './call-limit.js';
import type { NotificationsDataSource } from './database.js';
import { deliverStatements } from './deliver.statement.js';
import type { Delivery, DeliveryOptions, Outgoing } from './delivery-call.js';
import { GroupCommit } from './group-commit.js';
import { type Content, contentJson, itemJson, type NumbersRow, pageOf, type StreamPage } from './stream-page.js';

/**
 * While Postgres stores one batch, the next one is checked, sent and stored: 32 callers get 1.25 times as much done as with
 * one at a time. A third one costs more than it brings.
 */
const BATCHES_AT_ONCE = 2;

type StoredRow = { id: string } & Partial<ArrivalRow>;

type ArrivalRow = NumbersRow &
  Content & { recipient_id: string | null; streams_valid_from: string; created_at: string };

/** Delivers at once: the caller is answered when its message is stored, or surely is not. */
export class DirectDelivery {
  private readonly notifications: GroupCommit<StoredRow>;
  private readonly broadcasts: GroupCommit<StoredRow>;

  /** @param limit of calls; that of the outbox is the same one. */
  constructor(database: NotificationsDataSource, limit = new CallLimit()) {
    const sql = deliverStatements(database.quotedSchema);
    const { broadcast, existing } = sql;
    const statements = { many: sql.deliver, one: sql.deliverOne, oneToStreams: sql.deliverOneToStreams, existing };
    this.notifications = new GroupCommit(database, statements, limit, BATCHES_AT_ONCE, arrivalsOf);
    const ofBroadcasts = { many: broadcast, one: broadcast, oneToStreams: broadcast, existing };
    this.broadcasts = new GroupCommit(database, ofBroadcasts, limit, 1, () => undefined);
  }

  /**
   * @throws {NotificationsError} `REJECTED_BY_DATABASE`, `DATABASE_UNAVAILABLE`, `INBOX_BUSY`, `OVERLOADED`,
   *   `DEADLINE_EXCEEDED` or `CLOSED`
   */
  async deliver(payload: Outgoing, options: DeliveryOptions = {}): Promise<Delivery> {
    return await (payload.kind === 'broadcast' ? this.broadcasts : this.notifications).add(payload, options);
  }

  /** Waits for what is under way, and takes nothing more. */
  async close(): Promise<void> {
    await Promise.all([this.notifications.close(), this.broadcasts.close()]);
  }
}

/** What a message has brought to inboxes, as a read just after its commit would tell; undefined if that isn't known. */
function arrivalsOf(rows: StoredRow[]): Map<string, StreamPage> | undefined {
  const [first] = rows as ArrivalRow[];
  if (first?.data === undefined) return undefined;
  const content = contentJson(first);
  const arrivals = new Map<string, StreamPage>();
  for (const row of rows as ArrivalRow[]) {
    // It has expired, and came to nobody.
    if (row.recipient_id === null) continue;
    const page = pageOf(row);
    const { lastId } = page.numbers;
    page.items.push({ id: lastId, json: itemJson(lastId, { created_at: row.created_at, read: false }, content) });
    arrivals.set(row.recipient_id, page);
  }
  return arrivals;
}
