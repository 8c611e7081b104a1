import type { Hint } from '../broker/broker.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource } from './database.js';
import { HeldRows } from './held-rows.js';
import { LeaderWatch } from './leader-watch.js';
import { findLockedInboxes } from './locked-inboxes.js';
import { type LineRow, OutboxLine, type Parked, type Setback, START } from './outbox-line.js';
import { isUnanswered } from './postgres-error.js';
import { lockedOut, type Page, RelayDelivery } from './relay-delivery.js';
import { Retries } from './retries.js';
import { RowCheck } from './row-check.js';
import { Setbacks } from './setbacks.js';
import { UNWRITABLE_RETRY_MS, UnwritableRows } from './unwritable-rows.js';

/** Finds what no commit of ours announced: rows of a crashed instance, of other programs, and those that have become due. */
const POLL_MS = 1_000;
/** How soon to look again for the lock of a row or an inbox that waits. */
const HELD_RETRY_MS = 200;

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
  private readonly check: RowCheck;
  private readonly delivery: RelayDelivery;
  private readonly setbacks: Setbacks;
  private readonly retries: Retries;
  private readonly held = new HeldRows();
  private readonly watch: LeaderWatch;
  private readonly loop: Periodic;
  /** While the same locks are held, the line goes on here. */
  private searchedUpTo = START;
  /** When rows before that were looked for. */
  private lateAt = 0;
  /** Scheduled rows whose promotion is refused. */
  private readonly unpromoted: UnwritableRows;
  private closed = false;

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly events: RelayEvents,
  ) {
    this.line = new OutboxLine(database);
    this.check = new RowCheck((what) => events.onUnknown(what));
    this.watch = new LeaderWatch(this.line, (ms, leader) => events.onBlocked(ms, leader));
    const onError = (error: unknown) => events.onError(error);
    this.loop = new Periodic(POLL_MS, () => this.run(), onError);
    this.unpromoted = new UnwritableRows(this.line, onError);
    const onParked = (rows: Parked[]) => events.onParked(rows);
    const onDue = (inMs: number[]) => this.retries.expect(inMs);
    this.setbacks = new Setbacks(this.line, {
      onParked,
      onDue,
      // Read again at once, they would be refused again at once.
      onLeft: (positions) => positions.forEach((pos) => void this.held.holdPosition(pos)),
      onRefused: (pos, error) => {
        this.held.holdPosition(pos, UNWRITABLE_RETRY_MS);
        onError(error);
      },
    });
    const createDelivery = (isRetry: boolean) => {
      const onDelivered = (hints: Hint[]) => events.onDelivered(hints);
      return new RelayDelivery(database, this.line, { onDelivered, isClosed: () => this.closed, isRetry });
    };
    this.delivery = createDelivery(false);
    this.retries = new Retries({
      line: this.line,
      check: this.check,
      delivery: createDelivery(true),
      setbacks: new Setbacks(this.line, {
        onParked,
        onDue,
        onLeft: () => undefined,
        onRefused: (_, error) => onError(error),
      }),
      onError,
    });
  }

  start(): void {
    this.loop.wake();
    this.retries.start();
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
    await Promise.all([this.loop.close(), this.retries.close()]);
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
    const locked = this.held.isEmpty ? [] : await findLockedInboxes(this.database, this.held.lockedInboxes);
    const isReleased = this.held.update(locked) || this.held.isEmpty;
    if (!(await this.watch.mayRead())) return await this.watch.blocked();
    // Up to here the line was searched: what is left there is held, or waits in `setbacks` to be written.
    let after = isReleased ? START : this.searchedUpTo;
    this.searchedUpTo = START;
    let isFlood = false;
    let wasRefused = false;
    let ahead: Promise<LineRow[]> | undefined;
    while (!this.closed) {
      const rows: LineRow[] = await (ahead ?? this.line.read(this.held.positions, { long: isFlood, after }));
      ahead = isFlood && rows.length > 0 ? this.readAhead(rows) : undefined;
      const page = await this.deliver(rows, wasRefused, after);
      if (!page.leads) {
        await this.setbacks.writeNow(page.setbacks);
        return await this.watch.blocked();
      }
      isFlood = rows.length > 0 && page.delivered === 0;
      wasRefused = isFlood && page.setbacks.length > 0;
      if (isFlood) this.setbacks.add(page.setbacks);
      else {
        ahead = undefined;
        await this.setbacks.writeNow(page.setbacks);
      }
      if (!isFlood || this.setbacks.mustBeWritten) await this.setbacks.writeSome();
      const promoted = await this.promote();
      if (promoted) this.lateAt = 0;
      const isOver = rows.length === 0 && page.delivered === 0 && page.setbacks.length === 0 && !promoted;
      if (this.setbacks.isEmpty && this.held.isEmpty && !isFlood) {
        if (isOver && after === START) break;
        after = START;
      } else if (isOver && this.setbacks.isEmpty) break;
      else after = rows.at(-1)?.pos ?? after;
    }
    this.searchedUpTo = after;
    return this.held.isEmpty ? POLL_MS : HELD_RETRY_MS;
  }

  /** Puts scheduled rows that have become due into the line. @returns whether there were any. */
  private async promote(): Promise<boolean> {
    const { isOver } = await this.unpromoted.change({
      change: (which) => this.line.promote(which),
      find: (which) => this.line.findDue(which),
    });
    return !isOver;
  }

  /** While one page of a flood is checked the next one is read: a hundred thousand bad rows take one second instead of two. */
  private readAhead(rows: readonly LineRow[]): Promise<LineRow[]> {
    const ahead = this.line.read(this.held.positions, { long: true, after: rows.at(-1)?.pos });
    // What is good ends the flood, and the page is read once more: nobody may await this.
    ahead.catch(() => undefined);
    return ahead;
  }

  /** @param isFlood nothing of the page before could be delivered. @param after where the page begins. */
  private async deliver(
    rows: readonly LineRow[],
    isFlood: boolean,
    after: string,
  ): Promise<Page & { setbacks: Setback[] }> {
    if (rows.length === 0) this.watch.leads();
    const { good, setbacks } = this.check.check(rows);
    const now = performance.now();
    const isLateDue = good.length > 0 || (rows.length === 0 && now - this.lateAt >= POLL_MS);
    if (after !== START && isLateDue) {
      this.lateAt = now;
      // A transaction that has committed meanwhile may have rows on both sides of `after`: its first ones go first.
      const late = this.check.check(
        await this.line.readLate(after, [...this.held.positions, ...this.setbacks.positions]),
      );
      good.unshift(...late.good);
      for (const setback of late.setbacks) setbacks.push(setback);
    }
    if (good.length === 0) return { leads: true, hasLed: false, delivered: 0, setbacks };
    const page = await this.delivery.deliverPage(good, this.held, isFlood);
    if (page.hasLed) this.watch.leads();
    for (const setback of this.delivery.takeSetbacks()) setbacks.push(setback);
    for (const pos of this.held.takeSurplus()) setbacks.push(lockedOut(pos));
    return { ...page, setbacks };
  }
}
