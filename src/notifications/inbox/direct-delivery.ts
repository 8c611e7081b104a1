import { NotificationsError } from '../notifications.error.js';
import type { Payload } from '../payload.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { deliverStatements } from './deliver.statement.js';
import { isConflict, isRefusal, toNotificationsError } from './postgres-error.js';
import { type Content, contentJson, itemJson, type NumbersRow, pageOf, type StreamPage } from './stream-page.js';

/** Recipients of one statement at most: that many inbox rows are locked for about 50 ms. */
export const RECIPIENTS_PER_STATEMENT = 5_000;
const MESSAGES_PER_STATEMENT = 500;
const BYTES_PER_STATEMENT = 4 * 1024 * 1024;
const MAX_REPEATS = 10;
/**
 * While Postgres stores one batch, the next one is checked, sent and stored: 32 callers get 1.25 times as much done as with
 * one at a time. A third one costs more than it brings.
 */
const BATCHES_AT_ONCE = 2;
/** A statement costs as much as ten messages in it: so few stay together. */
const MIN_SHARE = 8;

/** A message on its way, with its id. */
export type Outgoing = Payload & { id: string };

/** What became of a message. */
export interface Delivery {
  /** Null once it is in every inbox; or the id of the message that has its idempotency key already. */
  existing: string | null;
  /** Recipient → what has come to that inbox, where it was asked for and the message was stored by itself. */
  arrivals?: ReadonlyMap<string, StreamPage>;
}

interface Waiting {
  payload: Outgoing;
  json: string;
  recipients: number;
  hasStreams: boolean;
  resolve(delivery: Delivery): void;
  reject(error: NotificationsError): void;
}

type StoredRow = { id: string } & Partial<ArrivalRow>;

type ArrivalRow = NumbersRow &
  Content & { recipient_id: string | null; streams_valid_from: string; created_at: string };

/**
 * Delivers at once, by group commit: calls that come in one turn, or while all that may be under way is, make up the next
 * batch. Alone, a call waits for nobody; together they cost one commit.
 */
export class DirectDelivery {
  private readonly notifications: GroupCommit;
  private readonly broadcasts: GroupCommit;

  constructor(database: NotificationsDataSource) {
    const sql = deliverStatements(database.schema);
    const { broadcast, existing } = sql;
    this.notifications = new GroupCommit(
      database,
      { many: sql.deliver, one: sql.deliverOne, oneToStreams: sql.deliverOneToStreams, existing },
      BATCHES_AT_ONCE,
    );
    this.broadcasts = new GroupCommit(
      database,
      { many: broadcast, one: broadcast, oneToStreams: broadcast, existing },
      1,
    );
  }

  /**
   * @param hasStreams streams wait for it here: tell what has come to the inboxes, if that takes no other statement.
   * @throws {NotificationsError} `REJECTED_BY_DATABASE`, `DATABASE_UNAVAILABLE` or `CLOSED`
   */
  async deliver(payload: Outgoing, hasStreams = false): Promise<Delivery> {
    return await (payload.kind === 'broadcast' ? this.broadcasts : this.notifications).add(payload, hasStreams);
  }

  /** Waits for what is under way, and takes nothing more. */
  async close(): Promise<void> {
    await Promise.all([this.notifications.close(), this.broadcasts.close()]);
  }
}

class GroupCommit {
  private waiting: Waiting[] = [];
  private readonly underWay = new Set<Batch>();
  /** Those that take batches, one after the other, as long as there are any. */
  private readonly lanes = new Set<Promise<void>>();
  private openLanes = 0;
  private closed = false;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly sql: { many: Statement; one: Statement; oneToStreams: Statement; existing: Statement },
    private readonly maxLanes: number,
  ) {}

  add(payload: Outgoing, hasStreams: boolean): Promise<Delivery> {
    if (this.closed) {
      return Promise.reject(
        new NotificationsError('CLOSED', 'The application is shutting down: nothing more is sent.'),
      );
    }
    const recipients = payload.kind === 'broadcast' ? 1 : payload.recipients.length;
    return new Promise((resolve, reject) => {
      this.waiting.push({ payload, json: JSON.stringify(payload), recipients, hasStreams, resolve, reject });
      if (this.openLanes < this.maxLanes) this.openLane();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    while (this.lanes.size > 0) await Promise.all(this.lanes);
  }

  private openLane(): void {
    this.openLanes += 1;
    const lane = this.flush().finally(() => this.lanes.delete(lane));
    this.lanes.add(lane);
  }

  private async flush(): Promise<void> {
    try {
      for (;;) {
        // Callers that have just been answered call again in this very turn. Without the wait the first of them went alone,
        // and the others after it: half as much was done.
        await nextTurn();
        const batch = this.take();
        if (batch.entries.length === 0) return;
        this.underWay.add(batch);
        await this.write(batch.entries);
        this.underWay.delete(batch);
      }
    } finally {
      // In the very turn that found nothing to take: a call that came a turn later would wait for ever.
      this.openLanes -= 1;
    }
  }

  /** What goes next. Messages to an inbox that is being filled stay behind, and so do those that come after them there. */
  private take(): Batch {
    const alone = this.underWay.size === 0;
    const share = alone ? Math.max(MIN_SHARE, Math.ceil(this.waiting.length / this.maxLanes)) : MESSAGES_PER_STATEMENT;
    const batch = new Batch();
    const behind = new Batch();
    let looked = 0;
    for (const entry of this.waiting.slice(0, MESSAGES_PER_STATEMENT)) {
      if (batch.entries.length >= share || !batch.fits(entry)) break;
      looked += 1;
      const waits = !alone && (behind.meets(entry) || [...this.underWay].some((other) => other.meets(entry)));
      (waits ? behind : batch).add(entry);
    }
    this.waiting.splice(0, looked, ...behind.entries);
    return batch;
  }

  private async write(batch: Waiting[], repeats = 0): Promise<void> {
    try {
      const json = `[${batch.map((entry) => entry.json).join(',')}]`;
      const stored = await this.database.run<StoredRow>(this.statementFor(batch), [json]);
      await this.settle(batch, stored, repeats);
    } catch (error) {
      if (isConflict(error) && repeats < MAX_REPEATS) return await this.write(batch, repeats + 1);
      // One of them is bad. Which one is found out by asking Postgres for each: only that one's caller is refused.
      if (isRefusal(error) && batch.length > 1) {
        for (const entry of batch) await this.write([entry]);
        return;
      }
      for (const entry of batch) entry.reject(toNotificationsError(error));
    }
  }

  private statementFor([first, ...more]: Waiting[]): Statement {
    if (more.length > 0) return this.sql.many;
    return first?.hasStreams ? this.sql.oneToStreams : this.sql.one;
  }

  private async settle(batch: Waiting[], rows: StoredRow[], repeats: number): Promise<void> {
    const stored = new Set(rows.map((row) => row.id));
    const rest = batch.filter((entry) => !stored.has(entry.payload.id));
    // Only now: who is told that a message is in the inbox may look there.
    for (const entry of batch) {
      if (stored.has(entry.payload.id)) entry.resolve({ existing: null, arrivals: arrivalsOf(rows) });
    }
    if (rest.length === 0) return;

    try {
      const found = await this.database.run<{ wanted: string; found: string }>(this.sql.existing, [
        rest.map((entry) => entry.payload.id),
        rest.map((entry) => entry.payload.tenant ?? ''),
        rest.map((entry) => entry.payload.idempotencyKey ?? null),
      ]);
      const existing = new Map(found.map((row) => [row.wanted, row.found]));
      const gone: Waiting[] = [];
      for (const entry of rest) {
        const id = existing.get(entry.payload.id);
        // Its own id: an earlier attempt had committed after all.
        if (id) entry.resolve({ existing: id === entry.payload.id ? null : id });
        else gone.push(entry);
      }
      // What stood in the way has been deleted between the two statements.
      if (gone.length > 0 && repeats < MAX_REPEATS) await this.write(gone, repeats + 1);
      else
        for (const entry of gone) entry.reject(toNotificationsError(new Error('the idempotency key keeps changing')));
    } catch (error) {
      for (const entry of rest) entry.reject(toNotificationsError(error));
    }
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

/** Messages of one statement, and what they touch. */
class Batch {
  readonly entries: Waiting[] = [];
  private recipients = 0;
  private bytes = 0;
  /** The inboxes and the idempotency keys of the first so many entries. */
  private readonly touched = new Set<string>();
  private noted = 0;

  add(entry: Waiting): void {
    this.entries.push(entry);
    this.recipients += entry.recipients;
    this.bytes += entry.json.length;
  }

  fits(entry: Waiting): boolean {
    if (this.entries.length === 0) return true;
    return (
      this.recipients + entry.recipients <= RECIPIENTS_PER_STATEMENT &&
      this.bytes + entry.json.length <= BYTES_PER_STATEMENT
    );
  }

  /** Noted only when somebody asks: alone, nobody does. */
  meets(entry: Waiting): boolean {
    for (; this.noted < this.entries.length; this.noted++) {
      for (const name of touchedBy((this.entries[this.noted] as Waiting).payload)) this.touched.add(name);
    }
    return this.touched.size > 0 && touchedBy(entry.payload).some((name) => this.touched.has(name));
  }
}

/** U+0000 is in no id and no key, so no two things have the same name. */
function touchedBy(payload: Outgoing): string[] {
  const { tenant = '', idempotencyKey } = payload;
  const names = payload.kind === 'broadcast' ? [] : payload.recipients.map((recipient) => `${tenant}\0${recipient}`);
  if (typeof idempotencyKey === 'string') names.push(`${tenant}\0\0${idempotencyKey}`);
  return names;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
