import type { InboxKey } from '../notification.js';
import type { Payload } from '../payload.js';
import { namesOf } from './delivery-call.js';

const UNSEEN_RETRY_MS = 2_000;
const FORGET_MS = 60_000;
/** Upper bound of rows that wait. When it is reached, the relay stops reading. */
const MAX_HELD = 20_000;

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
  /** Rows that wait for a lock that can't be looked up, and when each is tried again: by itself, as it costs a time-out. */
  private readonly unseen = new Map<string, { row: CheckedRow; until: number }>();

  get positions(): string[] {
    return [...this.held];
  }

  get isEmpty(): boolean {
    return this.held.size === 0 && this.inboxes.size === 0;
  }

  get isFull(): boolean {
    return this.held.size >= MAX_HELD || this.inboxes.size >= 10 * MAX_HELD;
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

  /** A row that says nothing of its inboxes: somebody has locked it. */
  holdPosition(pos: string): void {
    this.held.add(pos);
    this.isUnclear = true;
  }

  hold(row: CheckedRow, isUnclear = false): void {
    this.held.add(row.pos);
    for (const name of inboxesOf(row)) this.inboxes.add(name);
    this.isUnclear ||= isUnclear;
  }

  /** It waits for a lock that can't be looked up. */
  holdUnseen(row: CheckedRow): void {
    this.hold(row, true);
    this.unseen.set(row.pos, { row, until: performance.now() + UNSEEN_RETRY_MS });
  }

  /** Has it waited for a lock that couldn't be looked up? */
  wasUnseen({ pos }: CheckedRow): boolean {
    return this.unseen.has(pos);
  }

  lock(inboxes: readonly InboxKey[]): void {
    for (const inbox of inboxes) {
      this.locked.set(nameOf(inbox), inbox);
      this.inboxes.add(nameOf(inbox));
    }
  }

  /** Lets go of all that waits, unless exactly the same inboxes are still locked. */
  update(stillLocked: readonly InboxKey[]): void {
    if (!this.isUnclear && stillLocked.length > 0 && stillLocked.length === this.locked.size) return;
    this.held.clear();
    this.inboxes = new Set();
    this.locked = new Map();
    this.isUnclear = false;
    this.lock(stillLocked);
    const now = performance.now();
    for (const [pos, { row, until }] of this.unseen) {
      if (until > now) this.hold(row, true);
      else if (until + FORGET_MS < now) this.unseen.delete(pos);
    }
  }
}

function inboxesOf({ payload, progress }: CheckedRow): InboxName[] {
  const names = namesOf(payload);
  return progress === 0 ? names : [...new Set(names)].slice(progress);
}

function nameOf({ tenant, recipient }: InboxKey): InboxName {
  // U+0000 is in no id, so no two inboxes have the same name.
  return `${tenant}\0${recipient}`;
}
