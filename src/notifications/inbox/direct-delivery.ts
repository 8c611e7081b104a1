import { NotificationsError } from '../notifications.error.js';
import type { Payload } from '../payload.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { deliverStatements } from './deliver.statement.js';
import { isConflict, isRefusal, toNotificationsError } from './postgres-error.js';

/** Recipients of one statement at most: that many inbox rows are locked for about 50 ms. */
export const RECIPIENTS_PER_STATEMENT = 5_000;
const MESSAGES_PER_STATEMENT = 500;
const BYTES_PER_STATEMENT = 4 * 1024 * 1024;
const MAX_REPEATS = 10;

/** A message on its way, with its id. */
export type Outgoing = Payload & { id: string };

interface Waiting {
  payload: Outgoing;
  json: string;
  recipients: number;
  resolve(existing: string | null): void;
  reject(error: NotificationsError): void;
}

/**
 * Delivers at once, by group commit: calls that come while a batch is under way make up the next one. Alone, a call
 * waits for nobody; together they cost one commit.
 */
export class DirectDelivery {
  private readonly notifications: GroupCommit;
  private readonly broadcasts: GroupCommit;

  constructor(database: NotificationsDataSource) {
    const sql = deliverStatements(database.schema);
    this.notifications = new GroupCommit(database, sql.deliver, sql.existing);
    this.broadcasts = new GroupCommit(database, sql.broadcast, sql.existing);
  }

  /**
   * @returns null once the message is in every inbox, or the id of the message that already has its idempotency key.
   * @throws {NotificationsError} `REJECTED_BY_DATABASE`, `DATABASE_UNAVAILABLE` or `CLOSED`
   */
  async deliver(payload: Outgoing): Promise<string | null> {
    return await (payload.kind === 'broadcast' ? this.broadcasts : this.notifications).add(payload);
  }

  /** Waits for what is under way, and takes nothing more. */
  async close(): Promise<void> {
    await Promise.all([this.notifications.close(), this.broadcasts.close()]);
  }
}

class GroupCommit {
  private waiting: Waiting[] = [];
  private flushing?: Promise<void>;
  private closed = false;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly statement: Statement,
    private readonly existing: Statement,
  ) {}

  add(payload: Outgoing): Promise<string | null> {
    if (this.closed) {
      return Promise.reject(
        new NotificationsError('CLOSED', 'The application is shutting down: nothing more is sent.'),
      );
    }
    const recipients = payload.kind === 'broadcast' ? 1 : payload.recipients.length;
    return new Promise((resolve, reject) => {
      this.waiting.push({ payload, json: JSON.stringify(payload), recipients, resolve, reject });
      this.flushing ??= this.flush();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.flushing;
  }

  private async flush(): Promise<void> {
    try {
      while (this.waiting.length > 0) await this.write(this.take());
    } finally {
      // In the very turn that found nothing waiting: a call that came a turn later would wait for ever.
      this.flushing = undefined;
    }
  }

  private take(): Waiting[] {
    let count = 0;
    let recipients = 0;
    let bytes = 0;
    for (const entry of this.waiting) {
      recipients += entry.recipients;
      bytes += entry.json.length;
      const full =
        recipients > RECIPIENTS_PER_STATEMENT || bytes > BYTES_PER_STATEMENT || count === MESSAGES_PER_STATEMENT;
      if (full && count > 0) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  private async write(batch: Waiting[], repeats = 0): Promise<void> {
    try {
      const json = `[${batch.map((entry) => entry.json).join(',')}]`;
      const stored = await this.database.run<{ id: string }>(this.statement, [json]);
      await this.settle(batch, new Set(stored.map((row) => row.id)), repeats);
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

  private async settle(batch: Waiting[], stored: Set<string>, repeats: number): Promise<void> {
    const rest = batch.filter((entry) => !stored.has(entry.payload.id));
    // Only now: who is told that a message is in the inbox may look there.
    for (const entry of batch) if (stored.has(entry.payload.id)) entry.resolve(null);
    if (rest.length === 0) return;

    try {
      const found = await this.database.run<{ wanted: string; found: string }>(this.existing, [
        rest.map((entry) => entry.payload.id),
        rest.map((entry) => entry.payload.tenant ?? ''),
        rest.map((entry) => entry.payload.idempotencyKey ?? null),
      ]);
      const existing = new Map(found.map((row) => [row.wanted, row.found]));
      const gone: Waiting[] = [];
      for (const entry of rest) {
        const id = existing.get(entry.payload.id);
        // Its own id: an earlier attempt had committed after all.
        if (id) entry.resolve(id === entry.payload.id ? null : id);
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
