import { nameOf } from '../inbox-name.js';
import { NotificationsError } from '../notifications.error.js';
import { currentContext } from '../own-context.js';
import { Batch } from './batch.js';
import { type CallLimit, lateError } from './call-limit.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { type Delivery, DeliveryCall, type DeliveryOptions, type Outgoing } from './delivery-call.js';
import { LockedCalls } from './locked-calls.js';
import { findLockedInboxes } from './locked-inboxes.js';
import { inboxesOf } from './payload-inboxes.js';
import { busyError, isConflict, isLockTimeout, isOfStatement, toNotificationsError } from './postgres-error.js';
import { tryEach } from './try-each.js';
import { LOCK_PATIENCE_MS, untilUnlocked } from './until-unlocked.js';

const MESSAGES_PER_STATEMENT = 500;
const MAX_REPEATS = 10;
/** A statement costs as much as ten messages in it: so few stay together. */
const MIN_SHARE = 8;
/** How exactly a deadline is kept. */
const DEADLINE_CHECK_MS = 250;

export interface Statements {
  many: Statement;
  one: Statement;
  oneToStreams: Statement;
  /** Which message stands in the way of each? */
  existing: Statement;
}

/**
 * Stores messages by group commit: calls made in the same tick, or while the maximum number of batches is in flight, form
 * the next batch. Alone, a call waits for nobody; together they cost one commit.
 */
export class GroupCommit<Row extends { id: string }> {
  private waiting: DeliveryCall[] = [];
  private readonly unsettled = new Set<DeliveryCall>();
  private readonly locked: LockedCalls;
  private deadlines?: NodeJS.Timeout;
  private readonly underWay = new Set<Batch>();
  /** Those that take batches, one after the other, as long as there are any. */
  private readonly lanes = new Set<Promise<void>>();
  private openLanes = 0;
  private calls = 0;
  private closed = false;
  private readonly inOwnContext = currentContext();

  /**
   * @param limit of calls, also of those that are sent in other ways.
   * @param maxLanes batches in flight at most.
   * @param arrivalsOf what a message has brought to inboxes, by the rows of the answer.
   */
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly sql: Statements,
    private readonly limit: CallLimit,
    private readonly maxLanes: number,
    private readonly arrivalsOf: (rows: Row[]) => Delivery['arrivals'],
  ) {
    const release = (calls: DeliveryCall[]) => {
      // In the order of the calls: what is released may be younger than a call to another of its inboxes that waits here.
      this.waiting = [...calls, ...this.waiting].sort((a, b) => a.order - b.order);
      this.openLaneIfNeeded();
    };
    // Each of the calls has a deadline.
    this.locked = new LockedCalls(database, release, () => undefined);
  }

  add(payload: Outgoing, options: DeliveryOptions): Promise<Delivery> {
    if (this.closed) {
      return Promise.reject(closedError());
    }
    return new Promise((resolve, reject) => {
      const call = new DeliveryCall(this.calls++, payload, options, this.onSettled, resolve, reject);
      this.limit.admit(call.json.length);
      this.unsettled.add(call);
      this.inOwnContext(() => this.begin(call));
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.locked.close(closedError());
    while (this.lanes.size > 0) await Promise.all(this.lanes);
  }

  private begin(call: DeliveryCall): void {
    this.deadlines ??= setInterval(() => this.checkDeadlines(), DEADLINE_CHECK_MS).unref();
    if (this.locked.concern(call)) {
      this.locked.add([call], []);
      return;
    }
    this.waiting.push(call);
    this.openLaneIfNeeded();
  }

  private readonly onSettled = (call: DeliveryCall): void => {
    this.unsettled.delete(call);
    this.limit.release(call.json.length);
    if (this.unsettled.size > 0) return;
    clearInterval(this.deadlines);
    this.deadlines = undefined;
  };

  private checkDeadlines(): void {
    const { timeoutMs } = this.limit;
    const now = performance.now();
    // The oldest come first.
    for (const call of this.unsettled) {
      if (now - call.since < timeoutMs) break;
      call.reject(lateError(call.isSent, timeoutMs));
    }
    if (this.waiting[0]?.isSettled) this.waiting = this.waiting.filter((call) => !call.isSettled);
  }

  private openLaneIfNeeded(): void {
    if (this.openLanes >= this.maxLanes) return;
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
        const waiting = this.waiting.length;
        const batch = this.take();
        if (batch.calls.length === 0) {
          if (this.waiting.length === waiting) return;
          // Calls to locked inboxes have left the queue: others stand behind them.
          continue;
        }
        this.underWay.add(batch);
        try {
          await this.write(batch.calls);
        } finally {
          this.underWay.delete(batch);
        }
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
    for (const call of this.waiting.slice(0, MESSAGES_PER_STATEMENT)) {
      if (batch.calls.length >= share || !batch.fits(call)) break;
      looked += 1;
      if (call.isSettled) continue;
      if (this.locked.concern(call)) {
        this.locked.add([call], []);
        continue;
      }
      if (call.isSuspect && batch.calls.length > 0) {
        behind.add(call);
        continue;
      }
      // Some may be behind also with nothing in flight: calls that are tried alone.
      const waits = behind.meets(call) || [...this.underWay].some((other) => other.meets(call));
      (waits ? behind : batch).add(call);
      if (!waits && call.isSuspect) break;
    }
    this.waiting.splice(0, looked, ...behind.calls);
    return batch;
  }

  /** Those that still may go: while others of the batch were tried, a deadline may have passed, or an older call waits. */
  private stillWanted(calls: DeliveryCall[]): DeliveryCall[] {
    const wanted: DeliveryCall[] = [];
    for (const call of calls) {
      if (call.isSettled) continue;
      if (!this.locked.concern(call)) {
        wanted.push(call);
        continue;
      }
      // Whoever is to be written is not with Postgres: not sent yet, or rolled back, or passed over for its key.
      call.isSent = false;
      this.locked.add([call], []);
    }
    return wanted;
  }

  /** @returns the error that the calls were rejected with, where they were as a whole. */
  private async write(given: DeliveryCall[], repeats = 0): Promise<unknown> {
    const calls = this.stillWanted(given);
    if (calls.length === 0) return;
    try {
      for (const call of calls) call.isSent = true;
      const json = `[${calls.map((call) => call.json).join(',')}]`;
      const stored = await this.database.run<Row>(this.statementFor(calls), [json]);
      await this.settle(calls, stored, repeats);
    } catch (error) {
      if (isOfStatement(error)) for (const call of calls) call.isSent = false;
      if (isConflict(error) && repeats < MAX_REPEATS) return await this.write(calls, repeats + 1);
      if (isLockTimeout(error)) return await this.separateLocked(calls, error);
      // One of them may be bad. Which one is found out by asking Postgres for each: only that one's caller is refused.
      if (isOfStatement(error) && calls.length > 1) return await tryEach(calls, (call) => this.write([call]));
      for (const call of calls) call.reject(toNotificationsError(error));
      return error;
    }
  }

  /** Somebody holds an inbox: only those calls wait that are for it. */
  private async separateLocked(sent: DeliveryCall[], cause: unknown): Promise<void> {
    const latest = performance.now() - LOCK_PATIENCE_MS;
    for (const call of sent) if (call.since <= latest) call.reject(busyError(cause));
    const calls = sent.filter((call) => !call.isSettled);
    if (calls.length === 0) return;
    const tenants = new Set(calls.map(({ payload }) => payload.tenant ?? ''));
    if (calls[0]?.payload.kind === 'broadcast') {
      // What is locked is the counter of a tenant, which can't be seen.
      if (tenants.size === 1) return this.locked.add(calls, null);
      for (const tenant of tenants) await this.write(calls.filter(({ payload }) => (payload.tenant ?? '') === tenant));
      return;
    }
    let locked: Awaited<ReturnType<typeof findLockedInboxes>>;
    const inboxes = calls.flatMap((call) => inboxesOf(call.payload));
    try {
      locked = await findLockedInboxes(this.database, inboxes);
    } catch (error) {
      // The table itself is locked, and with it all of them.
      if (isLockTimeout(error)) return this.locked.add(calls, inboxes);
      for (const call of calls) call.reject(toNotificationsError(error));
      return;
    }
    const names = new Set(locked.map(nameOf));
    const held: DeliveryCall[] = [];
    const free: DeliveryCall[] = [];
    for (const call of calls) {
      if (call.isSettled) continue;
      const waits = call.names.some((name) => names.has(name));
      // What is behind it for the same inboxes waits, too.
      if (waits) for (const name of call.names) names.add(name);
      (waits ? held : free).push(call);
    }
    if (held.length > 0) this.locked.add(held, locked);
    if (free.length === 0) return;
    if (held.length > 0) return void (await this.write(free));
    // What is locked can't be seen, such as an inbox that another transaction has just made; or it was, and is free again.
    if (free.length === 1) return this.locked.add(free, null);
    const middle = free.length >> 1;
    await this.write(free.slice(0, middle));
    await this.write(free.slice(middle));
  }

  private statementFor([first, ...more]: DeliveryCall[]): Statement {
    if (more.length > 0) return this.sql.many;
    return first?.hasStreams ? this.sql.oneToStreams : this.sql.one;
  }

  private async settle(calls: DeliveryCall[], rows: Row[], repeats: number): Promise<void> {
    const stored = new Set(rows.map((row) => row.id));
    const rest = calls.filter((call) => !stored.has(call.payload.id));
    // Only now: who is told that a message is in the inbox may look there.
    for (const call of calls) {
      if (stored.has(call.payload.id)) call.resolve({ existing: null, arrivals: this.arrivalsOf(rows) });
    }
    if (rest.length === 0) return;

    try {
      const values = [
        rest.map((call) => call.payload.id),
        rest.map((call) => call.payload.tenant ?? ''),
        rest.map((call) => call.payload.idempotencyKey ?? null),
      ];
      const found = await untilUnlocked(
        () => this.database.run<{ wanted: string; found: string }>(this.sql.existing, values),
        () => this.database.checkEnding(),
      );
      const existing = new Map(found.map((row) => [row.wanted, row.found]));
      const gone: DeliveryCall[] = [];
      for (const call of rest) {
        const id = existing.get(call.payload.id);
        // Its own id: an earlier attempt had committed after all.
        if (id) call.resolve({ existing: id === call.payload.id ? null : id });
        else gone.push(call);
      }
      // What stood in the way has been deleted between the two statements.
      if (gone.length > 0 && repeats < MAX_REPEATS) await this.write(gone, repeats + 1);
      else for (const call of gone) call.reject(toNotificationsError(new Error('the idempotency key keeps changing')));
    } catch (error) {
      for (const call of rest) call.reject(toNotificationsError(error));
    }
  }
}

function closedError(): NotificationsError {
  return new NotificationsError('CLOSED', 'The application is shutting down: nothing more is sent.');
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
