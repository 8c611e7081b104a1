import type { OutboxLine } from './outbox-line.js';

/** How soon to look again when another instance is relaying. */
const BUSY_RETRY_MS = 25;
const LONG_BUSY_RETRY_MS = 250;
const LONG_MS = 1_000;
/** For so long the first row of the line may stay the same before somebody is told. */
const PATIENCE_MS = 10_000;
const LOG_EVERY_MS = 60_000;

/**
 * Keeps an instance that doesn't lead from reading the line: a page is up to a MiB, and a look at the head is one row. It also
 * notices that rows are ready and nobody delivers them: another instance hangs, or something else has taken the relay's lock.
 * An instance that works moves the head of the line, or deletes rows behind it.
 */
export class LeaderWatch {
  private busySince?: number;
  private head?: { is: string; since: number };
  private loggedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly line: OutboxLine,
    private readonly onBlocked: (forMs: number, leader: string) => void,
  ) {}

  get blockedMs(): number {
    const forMs = this.head ? performance.now() - this.head.since : 0;
    return forMs >= PATIENCE_MS ? Math.round(forMs) : 0;
  }

  /**
   * Whether to read the line. Where another instance had the lock, its being free says little: it lets go of it between two
   * statements. It has stopped when nothing has moved since the last look either.
   */
  async mayRead(): Promise<boolean> {
    if (this.busySince === undefined) return true;
    const { head, isFree } = await this.line.look(this.head?.is ?? null);
    if (head === null) this.head = undefined;
    else if (this.head?.is !== head) this.head = { is: head, since: performance.now() };
    return head === null || isFree;
  }

  /** This instance relays. */
  leads(): void {
    this.busySince = undefined;
    this.head = undefined;
  }

  /** Another one has the lock. @returns when to try again, in milliseconds. */
  async blocked(): Promise<number> {
    const now = performance.now();
    this.busySince ??= now;
    if (this.blockedMs > 0 && now - this.loggedAt >= LOG_EVERY_MS) {
      this.loggedAt = now;
      this.onBlocked(this.blockedMs, await this.line.describeLeader());
    }
    return now - this.busySince >= LONG_MS ? LONG_BUSY_RETRY_MS : BUSY_RETRY_MS;
  }
}
