import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import type { Payload } from '../payload.js';
import { namesOf } from './delivery-call.js';

/** When a row is tried again that waits for a lock which can't be looked up. */
const UNSEEN_RETRY_MS = 2_000;
const FORGET_MS = 60_000;
/** Upper bounds of rows and inboxes that wait. Beyond them rows are set aside, and lose their order. */
const MAX_ROWS = 100_000;
const MAX_INBOXES = 500_000;

/** A row of the outbox that keeps the limits. */
export interface CheckedRow {
  pos: string;
  payload: Payload;
  messageId: string | null;
  progress: number;
}

type InboxName = string;

/**
 * Rows that stay in the line because another transaction has locked an inbox of theirs, or the row itself. What is for
 * the same inboxes waits behind them, in its order; everything else goes on.
 */
export class HeldRows {
  private readonly held = new Set<string>();
  private inboxes = new Set<InboxName>();
  private locked = new Map<InboxName, InboxKey>();
  /** Something is locked that can't be looked up: it is tried again each time. */
  private isUnclear = false;
  /** Rows that are let go of at a time of their own. */
  private readonly timed = new Map<string, { until: number; row?: CheckedRow }>();
  private surplus: string[] = [];

  get positions(): string[] {
    return [...this.held];
  }

  get isEmpty(): boolean {
    return this.held.size === 0 && this.inboxes.size === 0;
  }

  /** The inboxes that were found locked. */
  get lockedInboxes(): InboxKey[] {
    return [...this.locked.values()];
  }

  /** Must this row wait for an earlier one, or for an inbox that is locked? */
  concerns(row: CheckedRow): boolean {
    return this.inboxes.size > 0 && inboxesOf(row).some((name) => this.inboxes.has(name));
  }

  has(pos: string): boolean {
    return this.held.has(pos);
  }

  /** It waits no longer in the line. What is for its inboxes does until the next {@link update}. */
  release(pos: string): void {
    this.held.delete(pos);
    this.isUnclear = true;
  }

  /** A row that says nothing of its inboxes. @param forMs @default until the next {@link update} */
  holdPosition(pos: string, forMs?: number): void {
    this.held.add(pos);
    if (forMs === undefined) this.isUnclear = true;
    else this.timed.set(pos, { until: performance.now() + forMs });
  }

  hold(row: CheckedRow, isUnclear = false): void {
    const names = inboxesOf(row);
    if (this.held.size >= MAX_ROWS || this.inboxes.size + names.length > MAX_INBOXES) {
      this.surplus.push(row.pos);
      return;
    }
    this.held.add(row.pos);
    for (const name of names) this.inboxes.add(name);
    this.isUnclear ||= isUnclear;
  }

  /** It waits for a lock that can't be looked up: each try costs a time-out, and so it is tried by itself, and seldom. */
  holdUnseen(row: CheckedRow): void {
    this.hold(row);
    this.timed.set(row.pos, { row, until: performance.now() + UNSEEN_RETRY_MS });
  }

  /** Has it waited for a lock that couldn't be looked up? */
  wasUnseen({ pos }: CheckedRow): boolean {
    return this.timed.get(pos)?.row !== undefined;
  }

  /** Rows that there was no room for, since the last call. */
  takeSurplus(): string[] {
    return this.surplus.splice(0);
  }

  lock(inboxes: readonly InboxKey[]): void {
    for (const inbox of inboxes) {
      this.locked.set(nameOf(inbox), inbox);
      this.inboxes.add(nameOf(inbox));
    }
  }

  /** Lets go of all that waits, unless exactly the same inboxes are still locked. @returns whether it has */
  update(stillLocked: readonly InboxKey[]): boolean {
    const now = performance.now();
    const isOver = [...this.timed].some(([pos, { until }]) => until <= now && this.held.has(pos));
    if (!this.isUnclear && !isOver && stillLocked.length === this.locked.size) return false;
    this.held.clear();
    this.inboxes = new Set();
    this.locked = new Map();
    this.isUnclear = false;
    this.lock(stillLocked);
    for (const [pos, { row, until }] of this.timed) {
      if (until + FORGET_MS < now) this.timed.delete(pos);
      else if (until <= now) continue;
      else if (row) this.hold(row);
      else this.held.add(pos);
    }
    return true;
  }
}

function inboxesOf({ payload, progress }: CheckedRow): InboxName[] {
  const names = namesOf(payload);
  return progress === 0 ? names : [...new Set(names)].slice(progress);
}
