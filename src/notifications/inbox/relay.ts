import type { Hint } from '../broker/broker.js';
import { NotificationsError } from '../notifications.error.js';
import { checkPayload, type Payload } from '../payload.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { deliverStatements } from './deliver.statement.js';
import { RECIPIENTS_PER_STATEMENT } from './direct-delivery.js';
import { MAX_ATTEMPTS } from './migrations.js';
import { isConflict, isRefusal } from './postgres-error.js';

const ROWS_PER_READ = 500;
const BYTES_PER_READ = 1024 * 1024;
/** Later parts of a large message under way, as many as there are processors on a small machine. */
const PARTS_AT_ONCE = 2;
/** How soon to try again when another instance is relaying. */
const BUSY_RETRY_MS = 25;
/** Finds what no commit of ours announced: rows of a crashed instance, of other programs, and those that have become due. */
const POLL_MS = 1_000;

interface Ready {
  pos: string;
  /** JSON. */
  payload: string;
}

interface Checked {
  pos: string;
  payload: Payload;
}

export interface RelayEvents {
  /** Something was delivered to these. */
  onDelivered(hints: Hint[]): void;
  /** A row was refused for the last time, and is parked. */
  onParked(pos: string, error: string): void;
  /** Postgres could not be reached; the relay tries again by itself. */
  onError(error: unknown): void;
}

/**
 * Delivers what is in the outbox, in order: every instance runs one, and one of them works at a time. A row leaves the
 * outbox in the very statement that delivers it.
 */
export class Relay {
  private readonly sql: ReturnType<typeof relayStatements>;
  private readonly loop: Periodic;
  private closed = false;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly events: RelayEvents,
  ) {
    this.sql = relayStatements(database.schema);
    this.loop = new Periodic(
      POLL_MS,
      () => this.run(),
      (error) => events.onError(error),
    );
  }

  start(): void {
    this.loop.wake();
  }

  /** There is something to deliver. */
  wake(): void {
    this.loop.wake();
  }

  /** Waits for the statement under way, and until those are told whom it has delivered to. What is left stays in the outbox. */
  async close(): Promise<void> {
    this.closed = true;
    await this.loop.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Delivers until nothing is ready. @returns when to try again, if another instance is at it. */
  private async run(): Promise<number | undefined> {
    while (!this.closed) {
      const due = await this.database.run(this.sql.promote);
      const ready = await this.database.run<Ready>(this.sql.read);
      if (ready.length === 0 && due.length === 0) return undefined;
      if (!(await this.deliverAll(toBatches(this.check(ready))))) return BUSY_RETRY_MS;
    }
    return undefined;
  }

  /** One batch after the other, but for later parts of a large message. @returns false if another instance is relaying. */
  private async deliverAll(batches: AsyncIterable<Checked[]>): Promise<boolean> {
    const underWay: Promise<boolean>[] = [];
    try {
      for await (const batch of batches) {
        // They are for different inboxes, and need not wait for each other; what follows waits for all of them.
        while (underWay.length >= (isPart(batch) ? PARTS_AT_ONCE : 1)) if (!(await underWay.shift())) return false;
        if (this.closed) return false;
        const delivered = this.deliver(batch);
        // What fails is thrown when it is awaited, which may be later.
        delivered.catch(() => {});
        underWay.push(delivered);
        if (!isPart(batch) && !(await delivered)) return false;
      }
      return (await Promise.all(underWay)).every(Boolean);
    } finally {
      await Promise.allSettled(underWay);
    }
  }

  /** Those that keep the limits, each looked at when it is asked for. Counts an attempt against the others. */
  private async *check(ready: Ready[]): AsyncIterable<Checked> {
    for (const row of ready) {
      let payload: unknown;
      try {
        payload = JSON.parse(row.payload);
        checkPayload(payload);
      } catch (error) {
        if (!(error instanceof NotificationsError)) throw error;
        await this.countAttempt(row, error);
        continue;
      }
      yield { pos: row.pos, payload };
    }
  }

  /** @returns false if another instance is relaying. */
  private async deliver(batch: Checked[], repeats = 0): Promise<boolean> {
    try {
      const [answer] = await this.database.run<{ leader: boolean; taken: number }>(this.statementFor(batch), [
        batch.map((row) => row.pos),
      ]);
      if (!answer?.leader) return false;
      // Somebody else has it, and may still fail: what follows waits for that.
      if (answer.taken === 0 && isPart(batch)) return false;
      // When the next statement is on its way: naming 5,000 recipients takes 4 ms, in which Postgres had nothing to do.
      if (answer.taken > 0) setImmediate(() => this.events.onDelivered(batch.flatMap((row) => hintsOf(row.payload))));
      return true;
    } catch (error) {
      if (isConflict(error) && repeats < 10) return await this.deliver(batch, repeats + 1);
      if (!isRefusal(error)) throw error;
      const [row] = batch;
      if (batch.length === 1 && row) {
        await this.countAttempt(row, error);
        return true;
      }
      for (const single of batch) if (!(await this.deliver([single]))) return false;
      return true;
    }
  }

  private statementFor(batch: Checked[]): Statement {
    if (batch[0]?.payload.kind === 'broadcast') return this.sql.relayBroadcasts;
    if (isPart(batch)) return this.sql.relayPart;
    return batch.length === 1 ? this.sql.relayOne : this.sql.relayNotifications;
  }

  private async countAttempt(row: { pos: string }, error: unknown): Promise<void> {
    const message = error instanceof Error ? error.message : String(error);
    // A NUL in the message would be refused in its turn.
    const text = message.replaceAll('\0', '').slice(0, 1_000);
    const [counted] = await this.database.run<{ attempts: number }>(this.sql.countAttempt, [row.pos, text]);
    if (counted?.attempts === MAX_ATTEMPTS) this.events.onParked(row.pos, text);
  }
}

function relayStatements(s: string) {
  return {
    ...deliverStatements(s),
    /** Rows that have become due. Until then no poll looks at them: half a million may wait. */
    promote: {
      name: 'relay_promote',
      text: `
        UPDATE ${s}.outbox SET deliver_at = NULL
        WHERE pos IN (
          SELECT pos FROM ${s}.outbox WHERE deliver_at <= now() ORDER BY deliver_at, pos LIMIT 100
          FOR UPDATE SKIP LOCKED)
        RETURNING pos`,
    },
    // As text: a host may have a parser of its own for JSON, and pg's parsers are the process's.
    read: {
      name: 'relay_read',
      text: `
        SELECT pos, payload::text AS payload FROM (
          SELECT pos, payload, sum(pg_column_size(payload)) OVER (ORDER BY pos) - pg_column_size(payload) AS before
          FROM (
            SELECT pos, payload FROM ${s}.outbox WHERE deliver_at IS NULL AND attempts < ${MAX_ATTEMPTS}
            ORDER BY pos LIMIT ${ROWS_PER_READ}) o) o
        WHERE before < ${BYTES_PER_READ} ORDER BY pos`,
    },
    countAttempt: {
      name: 'relay_count_attempt',
      text: `UPDATE ${s}.outbox SET attempts = attempts + 1, last_error = $2 WHERE pos = $1 RETURNING attempts`,
    },
  } satisfies Record<string, Statement>;
}

/** Runs of the same kind, each with as many recipients as one statement may lock. */
async function* toBatches(rows: AsyncIterable<Checked>): AsyncIterable<Checked[]> {
  let batch: Checked[] = [];
  let recipients = 0;
  for await (const row of rows) {
    const sameKind = batch[0]?.payload.kind === row.payload.kind;
    const size = row.payload.kind === 'broadcast' ? 1 : row.payload.recipients.length;
    if (batch.length > 0 && !(sameKind && recipients + size <= RECIPIENTS_PER_STATEMENT)) {
      yield batch;
      batch = [];
      recipients = 0;
    }
    batch.push(row);
    recipients += size;
  }
  if (batch.length > 0) yield batch;
}

/** A later part of a large message, alone in its batch. */
function isPart(batch: Checked[]): boolean {
  const [row] = batch;
  return batch.length === 1 && row?.payload.kind !== 'broadcast' && row?.payload.continues === true;
}

/** Where to look for what a payload has brought. */
export function hintsOf(payload: Payload): Hint[] {
  const tenant = payload.tenant ?? '';
  return payload.kind === 'broadcast' ? [{ tenant }] : payload.recipients.map((recipient) => ({ tenant, recipient }));
}
