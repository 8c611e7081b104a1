import type { Hint } from '../broker/broker.js';
import { NotificationsError } from '../notifications.error.js';
import { checkPayload, unknownPart } from '../payload.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource } from './database.js';
import { type CheckedRow, HeldRows } from './held-rows.js';
import { LeaderWatch } from './leader-watch.js';
import { findLockedInboxes } from './locked-inboxes.js';
import { type LineRow, OutboxLine, type Parked, type Setback, START } from './outbox-line.js';
import { MAX_ATTEMPTS } from './outbox-line.statement.js';
import { isUnanswered } from './postgres-error.js';
import { type Page, RelayDelivery } from './relay-delivery.js';
import { Setbacks } from './setbacks.js';

/** Finds what no commit of ours announced: rows of a crashed instance, of other programs, and those that have become due. */
const POLL_MS = 1_000;
/** How soon to look again for the lock of a row or an inbox that waits. */
const HELD_RETRY_MS = 200;
/** How exactly it is remembered when rows that this instance has set aside are due; later ones are found by polling. */
const DUE_STEP_MS = 50;
const MAX_DUE_MS = 5_000;
/** A row of a kind or with a field that only a newer version knows is left to that. */
const UNKNOWN_WAITS_MS = 600_000;
const UNKNOWN_RETRY_MS = 5_000;

export interface RelayEvents {
  /** Something was delivered to these. */
  onDelivered(hints: Hint[]): void;
  /** Rows were refused for the last time, and are parked. */
  onParked(rows: Parked[]): void;
  /** A row has a kind or a field that this version doesn't know. Called once for each. */
  onUnknown(what: string): void;
  /** Rows are ready, and for so long nobody has delivered them. `leader` says who holds the relay's lock. */
  onBlocked(forMs: number, leader: string): void;
  /** Postgres could not be reached; the relay tries again by itself. */
  onError(error: unknown): void;
}

/**
 * Delivers what is in the outbox, in order: every instance runs one, and one of them works at a time. A row leaves the
 * outbox in the very statement that delivers it.
 */
export class Relay {
  private readonly line: OutboxLine;
  private readonly delivery: RelayDelivery;
  private readonly setbacks: Setbacks;
  private readonly held = new HeldRows();
  private readonly watch: LeaderWatch;
  private readonly loop: Periodic;
  private readonly unknown = new Set<string>();
  /** When rows that were set aside are due, by `performance.now()`. */
  private readonly dueAt = new Set<number>();
  private looksAt = 0;
  private closed = false;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly events: RelayEvents,
  ) {
    this.line = new OutboxLine(database);
    this.setbacks = new Setbacks(this.line, {
      onParked: (rows) => events.onParked(rows),
      onDue: (inMs) => this.awaitDue(inMs),
      // Read again at once, they would be refused again at once.
      onLeft: (positions) => positions.forEach((pos) => void this.held.holdPosition(pos)),
    });
    const onDelivered = (hints: Hint[]) => events.onDelivered(hints);
    this.delivery = new RelayDelivery(database, this.line, onDelivered, () => this.closed);
    this.watch = new LeaderWatch(this.line, (ms, leader) => events.onBlocked(ms, leader));
    const onError = (error: unknown) => events.onError(error);
    this.loop = new Periodic(POLL_MS, () => this.run(), onError);
  }

  start(): void {
    this.loop.wake();
  }

  /** There is something to deliver. */
  wake(): void {
    this.loop.wake();
  }

  /** For how many milliseconds rows have been ready that neither this instance nor any other delivers; 0 if all is well. */
  get blockedMs(): number {
    return this.watch.blockedMs;
  }

  /** Waits for the statement under way, and until those are told whom it has delivered to. What is left stays in the outbox. */
  async close(): Promise<void> {
    this.closed = true;
    await this.loop.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Delivers until nothing is ready. @returns when to try again, in milliseconds. */
  private async run(): Promise<number> {
    try {
      return await this.deliverLine();
    } catch (error) {
      this.setbacks.add(this.delivery.takeSetbacks());
      this.events.onError(error);
      return isUnanswered(error) ? this.delivery.cautionMs : POLL_MS;
    }
  }

  private async deliverLine(): Promise<number> {
    await this.setbacks.writeAll();
    if (!this.held.isEmpty) this.held.update(await findLockedInboxes(this.database, this.held.lockedInboxes));
    // Nothing is read for nothing while another instance relays.
    if (this.watch.isBlocked && !(await this.line.mayLead())) return await this.watch.blocked();
    // Up to here nothing of the line can be delivered: it is held, or in `setbacks`. So what is read on overtakes nothing.
    let after = START;
    let wasRefused = false;
    let ahead: Promise<LineRow[]> | undefined;
    while (!this.closed && !this.held.isFull) {
      const rows = await (ahead ?? this.line.read(this.held.positions, { long: wasRefused, after }));
      ahead = wasRefused && rows.length > 0 ? this.readAhead(rows) : undefined;
      const page = await this.deliver(rows, wasRefused);
      if (!page.leads) {
        await this.setbacks.writeNow(page.setbacks);
        return await this.watch.blocked();
      }
      wasRefused = page.delivered === 0 && page.setbacks.length > 0;
      if (wasRefused) {
        this.setbacks.add(page.setbacks);
        after = rows.at(-1)?.pos ?? after;
      } else {
        ahead = undefined;
        await this.setbacks.writeNow(page.setbacks);
      }
      if (rows.length === 0 || this.setbacks.isFull) await this.setbacks.writeSome();
      const wasDue = await this.deliverDue();
      const promoted = await this.line.promote();
      if (rows.length > 0 || wasDue || promoted || !this.setbacks.isEmpty) continue;
      if (after === START) break;
      after = START;
    }
    if (!this.held.isEmpty) return HELD_RETRY_MS;
    return Math.max(0, Math.min(POLL_MS, this.nextLookAt - performance.now()));
  }

  /** While one page of a flood is checked the next one is read: a hundred thousand bad rows take one second instead of two. */
  private readAhead(rows: readonly LineRow[]): Promise<LineRow[]> {
    const ahead = this.line.read(this.held.positions, { long: true, after: rows.at(-1)?.pos });
    // What is good ends the flood, and the page is read once more: nobody may await this.
    ahead.catch(() => undefined);
    return ahead;
  }

  /** When to look for rows that were set aside and are due. */
  private get nextLookAt(): number {
    return Math.min(this.looksAt, ...this.dueAt);
  }

  /** @param isFlood nothing of the page before could be delivered. */
  private async deliver(rows: readonly LineRow[], isFlood: boolean): Promise<Page & { setbacks: Setback[] }> {
    if (rows.length === 0) this.watch.leads();
    const { good, setbacks } = this.check(rows);
    if (good.length === 0) return { leads: true, hasLed: false, delivered: 0, setbacks };
    const page = await this.delivery.deliverPage(good, this.held, isFlood);
    if (page.hasLed) this.watch.leads();
    for (const setback of this.delivery.takeSetbacks()) setbacks.push(setback);
    return { ...page, setbacks };
  }

  /** Tries what was set aside and is due, a little at a time. @returns whether there was any. */
  private async deliverDue(): Promise<boolean> {
    const now = performance.now();
    if (now < this.nextLookAt) return false;
    for (const at of this.dueAt) if (at <= now) this.dueAt.delete(at);
    const rows = await this.line.claimDue();
    this.looksAt = rows.length > 0 ? now : now + POLL_MS;
    if (rows.length === 0) return false;
    const { good, setbacks } = this.check(rows);
    await this.delivery.deliverDue(good, this.held);
    await this.setbacks.writeNow([...setbacks, ...this.delivery.takeSetbacks()]);
    return true;
  }

  /** Remembers when rows are due. */
  private awaitDue(inMs: readonly number[]): void {
    const now = performance.now();
    for (const ms of inMs) {
      if (ms <= MAX_DUE_MS) this.dueAt.add(Math.ceil((now + ms) / DUE_STEP_MS) * DUE_STEP_MS);
    }
  }

  /** Rows that keep the limits, and what becomes of the others. */
  private check(rows: readonly LineRow[]): { good: CheckedRow[]; setbacks: Setback[] } {
    const good: CheckedRow[] = [];
    const setbacks: Setback[] = [];
    for (const row of rows) {
      const checked = withoutStack(() => this.checkRow(row));
      if ('error' in checked) setbacks.push(checked);
      else good.push(checked);
    }
    return { good, setbacks };
  }

  private checkRow(row: LineRow): CheckedRow | Setback {
    const { pos } = row;
    try {
      const payload: unknown = JSON.parse(row.payload);
      const unknown = unknownPart(payload);
      if (unknown !== null && row.age_ms < UNKNOWN_WAITS_MS) {
        this.nameOnce(unknown);
        // Ever more seldom: there may be a hundred thousand of them.
        const waitMs = Math.max(UNKNOWN_RETRY_MS, Math.min(UNKNOWN_WAITS_MS - row.age_ms, row.age_ms / 2));
        return { pos, error: `This version doesn't know ${unknown}.`, waitMs };
      }
      checkPayload(payload);
      return { pos, payload, messageId: row.message_id, progress: row.progress };
    } catch (error) {
      // The same rules would say the same again; anything else is a fault of ours, and must not stop what is behind it.
      return { pos, error, counts: error instanceof NotificationsError ? MAX_ATTEMPTS : 1 };
    }
  }

  private nameOnce(what: string): void {
    if (this.unknown.has(what) || this.unknown.size >= 100) return;
    this.unknown.add(what);
    this.events.onUnknown(what);
  }
}

/** Only the message is kept of what is wrong with a row; its stack trace would be most of what a flood of them costs. */
function withoutStack<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
