import type { Hint } from '../broker/broker.js';
import { NotificationsError } from '../notifications.error.js';
import { checkPayload, unknownPart } from '../payload.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource } from './database.js';
import { type CheckedRow, HeldRows } from './held-rows.js';
import { LeaderWatch } from './leader-watch.js';
import { findLockedInboxes } from './locked-inboxes.js';
import { type LineRow, OutboxLine, type Parked, type Setback } from './outbox-line.js';
import { MAX_ATTEMPTS } from './outbox-line.statement.js';
import { isUnanswered } from './postgres-error.js';
import { RelayDelivery } from './relay-delivery.js';

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
  private readonly held = new HeldRows();
  private readonly watch: LeaderWatch;
  private readonly loop: Periodic;
  private readonly unknown = new Set<string>();
  /** When rows that were set aside are due, by `performance.now()`. */
  private readonly dueAt = new Set<number>();
  private looksAt = 0;
  private unwritten: Setback[] = [];
  /** Nothing of the last page could be delivered. */
  private wasRefused = false;
  private closed = false;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly events: RelayEvents,
  ) {
    this.line = new OutboxLine(database);
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
      this.unwritten.push(...this.delivery.takeSetbacks());
      this.events.onError(error);
      return isUnanswered(error) ? this.delivery.cautionMs : POLL_MS;
    }
  }

  private async deliverLine(): Promise<number> {
    await this.setAside([]);
    if (!this.held.isEmpty) this.held.update(await findLockedInboxes(this.database, this.held.lockedInboxes));
    let isFlood = false;
    // Nothing is read for nothing while another instance relays.
    if (this.watch.isBlocked && !(await this.line.mayLead())) return await this.watch.blocked();
    while (!this.closed && !this.held.isFull) {
      const rows = await this.line.read(this.held.positions, { long: isFlood || this.wasRefused });
      if (rows.length === 0) this.watch.leads();
      const { good, setbacks } = this.check(rows);
      isFlood = rows.length > 0 && good.length === 0;
      if (isFlood) await this.passOver(rows, setbacks);
      else if (!(await this.deliver(good, setbacks))) return await this.watch.blocked();
      const wasDue = await this.deliverDue();
      const promoted = await this.line.promote();
      if (rows.length === 0 && !wasDue && !promoted) break;
    }
    if (!this.held.isEmpty) return HELD_RETRY_MS;
    return Math.max(0, Math.min(POLL_MS, this.nextLookAt - performance.now()));
  }

  /** When to look for rows that were set aside and are due. */
  private get nextLookAt(): number {
    return Math.min(this.looksAt, ...this.dueAt);
  }

  /** @returns false if another instance is relaying. */
  private async deliver(good: CheckedRow[], setbacks: Setback[]): Promise<boolean> {
    const page = await this.delivery.deliverPage(good, this.held, this.wasRefused);
    const refused = this.delivery.takeSetbacks();
    this.wasRefused = good.length > 0 && page.delivered === 0 && refused.length > 0;
    await this.setAside([...setbacks, ...refused]);
    if (page.hasLed) this.watch.leads();
    return page.leads;
  }

  /**
   * Sets bad rows aside while it looks for a good one: a hundred thousand of them take a second and not four. Only bad rows
   * are passed over, so nothing overtakes.
   */
  private async passOver(first: LineRow[], setbacks: Setback[]): Promise<void> {
    let bad = setbacks;
    let after = first.at(-1)?.pos;
    while (!this.closed && after !== undefined) {
      const read = this.line.read(this.held.positions, { long: true, after });
      const [rows] = await Promise.all([read, this.setAside(bad)]);
      const checked = this.check(rows);
      // What is good is delivered in its turn, from the start of the line.
      if (rows.length === 0 || checked.good.length > 0) return;
      bad = checked.setbacks;
      after = rows.at(-1)?.pos;
    }
  }

  /** Tries what was set aside and is due, a little at a time. @returns whether there is more. */
  private async deliverDue(): Promise<boolean> {
    const now = performance.now();
    if (now < this.nextLookAt) return false;
    for (const at of this.dueAt) if (at <= now) this.dueAt.delete(at);
    const { rows, more } = await this.line.claimDue();
    this.looksAt = more ? now : now + POLL_MS;
    if (rows.length === 0) return false;
    const { good, setbacks } = this.check(rows);
    const due = await this.delivery.deliverDue(good, this.held);
    await this.setAside([...setbacks, ...this.delivery.takeSetbacks()]);
    return more && due.leads;
  }

  /** Kept until it is written: what broke a connection may have left the next statement a broken one. */
  private async setAside(setbacks: Setback[]): Promise<void> {
    this.unwritten.push(...setbacks);
    if (this.unwritten.length === 0) return;
    const { parked, left, dueInMs } = await this.line.setAside(this.unwritten);
    this.unwritten = [];
    const now = performance.now();
    for (const ms of dueInMs) {
      if (ms <= MAX_DUE_MS) this.dueAt.add(Math.ceil((now + ms) / DUE_STEP_MS) * DUE_STEP_MS);
    }
    // Read again at once, they would be refused again at once.
    for (const pos of left) this.held.holdPosition(pos);
    if (parked.length > 0) this.events.onParked(parked);
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
