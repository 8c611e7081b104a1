import type { Hint } from '../broker/broker.js';
import type { InboxKey } from '../notification.js';
import type { NotificationsDataSource } from './database.js';
import { type CheckedRow, HeldRows } from './held-rows.js';
import { RECIPIENTS_PER_STATEMENT } from './limits.js';
import { findLockedInboxes } from './locked-inboxes.js';
import type { OutboxLine, Setback } from './outbox-line.js';
import { inboxesOf } from './payload-inboxes.js';
import { isConflict, isLockTimeout, isRefusal, isShortage, isTimeout, isUnanswered } from './postgres-error.js';
import { isLarge, isLaterPart, nextBatch } from './row-batch.js';
import { largeMessageOf, RowSender } from './row-sender.js';

const MAX_REPEATS = 10;
/** Statements of one page that may be refused: enough to find two bad rows among 500 by halving. */
const REFUSALS_PER_PAGE = 20;
/** The same once a whole page was refused. */
const REFUSALS_IN_A_FLOOD = 3;
/** Statements of one page that may wait for a lock that can't be seen: enough to find one row among 500 by halving. */
const UNSEEN_PER_PAGE = 12;
/** So often the first row of the line may end without an answer, in ever smaller portions, before it is set aside. */
const MAX_CAUTION = 4;
/** A statement that a time-out ends after so long holds up all others: its row is looked for at once. */
const LONG_MS = 5_000;
/** How long a row waits that Postgres has no room for, or no answer at all. */
const OUTAGE_RETRY_MS = 5_000;
/** How long a row that was set aside waits for an inbox that is locked, and a later part for its first one. */
const LOCKED_RETRY_MS = 1_000;

/** It was in one statement with a refused row, and may be good: it is tried by itself, soon, and this doesn't count. */
const SUSPECTED = { counts: 0, waitMs: 100 };

/** What became of rows. `false`: another instance is relaying. */
type Relayed = boolean;

interface DeliveryOptions {
  onDelivered(hints: Hint[]): void;
  isClosed(): boolean;
  /** Rows that were set aside go alone: which one is bad is known at once. */
  isRetry: boolean;
}

export interface Page {
  /** False if another instance is relaying. */
  leads: boolean;
  /** Whether a statement has said that this instance relays; not, if nothing could be tried. */
  hasLed: boolean;
  /** How many rows have left the outbox. */
  delivered: number;
}

/**
 * Delivers rows of the outbox, many in one statement. One row never holds up others for long: it is refused alone, waits
 * for its locked inboxes alone, and is set aside alone if Postgres never answers.
 */
export class RelayDelivery {
  private readonly sender: RowSender;
  private refusalsLeft = REFUSALS_PER_PAGE;
  private unseenLeft = UNSEEN_PER_PAGE;
  private readonly setbacks: Setback[] = [];
  /** How often in a row a statement has ended without an answer: the next one takes less. */
  private caution = 0;
  private delivered = 0;
  /** Grows with all that is delivered, parts of large messages too. */
  private moved = 0;
  private hasLed = false;
  /** Postgres had no room for it. Whether it has room for anything else is seen with the next row. */
  private shortage: Setback | null = null;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly line: OutboxLine,
    private readonly options: DeliveryOptions,
  ) {
    this.sender = new RowSender(database, options.onDelivered, options.isRetry);
  }

  /** How soon to try again after a statement that ended without an answer, in milliseconds. */
  get cautionMs(): number {
    return 100 * 2 ** this.caution;
  }

  /**
   * Delivers a page of the line, in its order.
   *
   * @param held takes the rows that have to wait for a lock.
   * @param isFlood the page before was refused as a whole: then bad rows of this one are hardly looked for.
   */
  async deliverPage(rows: readonly CheckedRow[], held: HeldRows, isFlood: boolean): Promise<Page> {
    this.refusalsLeft = isFlood ? REFUSALS_IN_A_FLOOD : REFUSALS_PER_PAGE;
    this.unseenLeft = UNSEEN_PER_PAGE;
    this.shortage = null;
    return await this.deliverAll(rows, held);
  }

  /** Delivers rows that were set aside before, each by itself. None of them is in the line. */
  async retry(rows: readonly CheckedRow[]): Promise<void> {
    const held = new HeldRows();
    await this.deliverAll(rows, held);
    const known = new Set(this.setbacks.map(({ pos }) => pos));
    for (const { pos } of rows) {
      if (known.has(pos)) continue;
      if (held.has(pos)) this.setbacks.push(lockedOut(pos));
      else if (this.options.isClosed()) this.setbacks.push({ pos, error: CLOSED, waitMs: 0 });
    }
  }

  /** The rows that are to be set aside since the last call, also of a page that has failed. */
  takeSetbacks(): Setback[] {
    return this.setbacks.splice(0);
  }

  private async deliverAll(rows: readonly CheckedRow[], held: HeldRows): Promise<Page> {
    this.delivered = 0;
    this.hasLed = false;
    let leads = true;
    for (let at = 0; at < rows.length && leads && !this.options.isClosed(); ) {
      const batch = nextBatch(rows, at, held, { caution: this.caution, isAlone: this.options.isRetry });
      at = batch.next;
      if (batch.rows.length > 0) leads = await this.deliver(batch.rows, held);
    }
    if (this.shortage) throw this.shortage.error;
    return { leads, hasLed: this.hasLed, delivered: this.delivered };
  }

  private async deliver(batch: CheckedRow[], held: HeldRows, repeats = 0): Promise<Relayed> {
    const [row] = batch as [CheckedRow];
    const began = performance.now();
    const before = this.moved;
    try {
      if (isLaterPart(row) && (await this.waitsForFirstPart(row))) return true;
      // An older instance deletes the rows that it has read, and takes a message that is begun meanwhile for a duplicate.
      const inSlices = isLarge(batch) && (row.messageId !== null || !(await this.line.hasOlderInstances()));
      const relayed = inSlices ? await this.deliverSlices(row, held) : await this.deliverRows(batch, held);
      this.caution = 0;
      if (this.moved > before) this.settleShortage(held);
      return relayed;
    } catch (error) {
      if (isConflict(error) && repeats < MAX_REPEATS) return await this.deliver(batch, held, repeats + 1);
      if (isLockTimeout(error)) return await this.separateLocked(batch, held);
      if (isRefusal(error) || isConflict(error)) return await this.separateRefused(batch, held, error);
      if (!isUnanswered(error)) {
        // Is it the database, or this row, by a trigger or a policy of the host?
        if (await this.sender.isAccepted(batch)) return await this.separateRefused(batch, held, error);
        throw error;
      }
      if (!this.options.isRetry) {
        const isTooLong = isTimeout(error) && performance.now() - began > LONG_MS;
        this.caution = isTooLong ? MAX_CAUTION + 1 : this.caution + 1;
        if (this.caution <= MAX_CAUTION || batch.length > 1) throw error;
        this.caution = MAX_CAUTION;
      }
      const isShort = isShortage(error);
      if (!isShort && (await this.isUp())) {
        // Nobody knows why. But Postgres answers everything else, and what is behind it has waited long enough.
        if (!this.options.isRetry) this.caution = 0;
        this.setbacks.push({ pos: row.pos, error, counts: 1 });
      } else if (this.options.isRetry) this.setbacks.push({ pos: row.pos, error, waitMs: OUTAGE_RETRY_MS });
      else if (isShort && !this.shortage) {
        this.shortage = { pos: row.pos, error, waitMs: OUTAGE_RETRY_MS };
        held.holdPosition(row.pos);
      } else throw error;
      return true;
    }
  }

  /** Something was delivered: then there is room, and the row for which there was none has to wait by itself. */
  private settleShortage(held: HeldRows): void {
    if (!this.shortage) return;
    held.release(this.shortage.pos);
    this.setbacks.push(this.shortage);
    this.shortage = null;
  }

  /** Does Postgres answer? The first connection of the pool may be the one that has just broken. */
  private async isUp(): Promise<boolean> {
    for (let i = 0; i < 2; i++) {
      try {
        await this.line.look(null);
        return true;
      } catch {
        // Once more.
      }
    }
    return false;
  }

  private async deliverRows(batch: CheckedRow[], held: HeldRows): Promise<Relayed> {
    const taken = await this.sender.send(batch);
    if (!taken) return false;
    this.hasLed = true;
    this.delivered += taken.size;
    this.moved += taken.size;
    // Deleted by an operator, or locked by one.
    for (const row of batch) if (!taken.has(row.pos)) held.hold(row, true);
    return true;
  }

  /** One large message, some recipients at a time. Its row keeps its place until the last of them has it. */
  private async deliverSlices(row: CheckedRow, held: HeldRows): Promise<Relayed> {
    const message = largeMessageOf(row);
    while (!this.options.isClosed()) {
      const slice = await this.sender.sendSlice(message, Math.max(1, RECIPIENTS_PER_STATEMENT >> (2 * this.caution)));
      if (!slice) return false;
      this.hasLed = true;
      if (!slice.isTaken) {
        held.hold(row, true);
        return true;
      }
      this.caution = 0;
      this.moved += 1;
      if (slice.isOver) {
        this.delivered += 1;
        return true;
      }
    }
    return true;
  }

  /**
   * A later part of a large message, as the version before wrote them, waits as long as its first part does. Without that it
   * delivers nothing: then the first part was a duplicate, or was discarded.
   */
  private async waitsForFirstPart({ pos, payload }: CheckedRow): Promise<boolean> {
    if (payload.id === undefined) return false;
    const first = await this.line.findFirstPart(payload.id);
    if (first.isStored || !first.isWaiting) return false;
    this.setbacks.push({ pos, error: 'its first part waits', waitMs: LOCKED_RETRY_MS });
    return true;
  }

  /** Somebody holds an inbox: those rows wait that are for it, and those behind them that are for the same inboxes. */
  private async separateLocked(batch: CheckedRow[], held: HeldRows): Promise<Relayed> {
    const [row] = batch as [CheckedRow];
    if (row.payload.kind === 'broadcast') return await this.separateTenants(batch, held);
    const inboxes = isLarge(batch) ? this.nextInboxesOf(row) : batch.flatMap(({ payload }) => inboxesOf(payload));
    const locked = await findLockedInboxes(this.database, inboxes);
    held.lock(locked);
    // What is locked can't be seen, such as an inbox that another transaction has just made; or it was, and is free again.
    if (locked.length === 0) {
      this.unseenLeft -= 1;
      if (batch.length > 1 && this.unseenLeft > 0) return await this.deliverHalves(batch, held);
      for (const one of batch) held.holdUnseen(one);
      return true;
    }
    if (batch.length === 1) {
      held.hold(row);
      return true;
    }
    const free: CheckedRow[] = [];
    for (const one of batch) {
      if (held.concerns(one)) held.hold(one);
      else free.push(one);
    }
    return free.length === 0 || (await this.deliver(free, held));
  }

  /** Somebody holds the broadcast counter of a tenant, which can't be seen: its broadcasts wait. */
  private async separateTenants(batch: CheckedRow[], held: HeldRows): Promise<Relayed> {
    const tenants = new Set(batch.map(({ payload }) => payload.tenant ?? ''));
    if (tenants.size === 1) for (const row of batch) held.holdUnseen(row);
    else {
      for (const tenant of tenants) {
        const rows = batch.filter(({ payload }) => (payload.tenant ?? '') === tenant);
        if (!(await this.deliver(rows, held))) return false;
      }
    }
    return true;
  }

  /** The inboxes of a large message whose turn it is. */
  private nextInboxesOf({ payload, progress }: CheckedRow): InboxKey[] {
    const keys = inboxesOf(
      payload.kind === 'broadcast' ? payload : { ...payload, recipients: [...new Set(payload.recipients)] },
    );
    return keys.slice(progress, progress + RECIPIENTS_PER_STATEMENT);
  }

  /** One of them is bad. Halving finds it; of a flood of bad ones none is looked for. */
  private async separateRefused(batch: CheckedRow[], held: HeldRows, error: unknown): Promise<Relayed> {
    this.hasLed = true;
    this.refusalsLeft -= 1;
    if (batch.length > 1 && this.refusalsLeft > 0) return await this.deliverHalves(batch, held);
    for (const { pos } of batch) this.setbacks.push({ pos, error, ...(batch.length > 1 ? SUSPECTED : { counts: 1 }) });
    return true;
  }

  private async deliverHalves(batch: CheckedRow[], held: HeldRows): Promise<Relayed> {
    const middle = batch.length >> 1;
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      if (this.options.isClosed()) return true;
      const rows = half.filter((row) => {
        const waits = held.concerns(row);
        if (waits) held.hold(row);
        return !waits;
      });
      if (rows.length > 0 && !(await this.deliver(rows, held))) return false;
    }
    return true;
  }
}

/** It is tried again by itself, and has no order any more. */
export function lockedOut(pos: string): Setback {
  return { pos, error: 'an inbox of it is locked by another transaction', waitMs: LOCKED_RETRY_MS };
}

const CLOSED = 'the instance that had claimed it has shut down';
