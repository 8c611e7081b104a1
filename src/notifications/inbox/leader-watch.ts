import type { OutboxLine } from './outbox-line.js';

/** How soon to try again when another instance is relaying. */
const BUSY_RETRY_MS = 25;
const LONG_BUSY_RETRY_MS = 250;
const LONG_MS = 1_000;
/** For so long the first row of the line may stay the same before somebody is told. */
const PATIENCE_MS = 10_000;
const LOG_EVERY_MS = 60_000;
const LOOK_EVERY_MS = 2_000;

/**
 * Notices that rows are ready and nobody delivers them: another instance hangs, or something else has taken the relay's
 * lock. An instance that works moves the head of the line, or deletes rows behind it.
 */
export class LeaderWatch {
  private busySince?: number;
  private head?: { is: string; since: number };
  private lookedAt = 0;
  private loggedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly line: OutboxLine,
    private readonly onBlocked: (forMs: number, leader: string) => void,
  ) {}

  /** Another one had the lock when it was last asked for. */
  get isBlocked(): boolean {
    return this.busySince !== undefined;
  }

  get blockedMs(): number {
    const forMs = this.head ? performance.now() - this.head.since : 0;
    return forMs >= PATIENCE_MS ? Math.round(forMs) : 0;
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
    const isLong = now - this.busySince >= LONG_MS;
    if (isLong && now - this.lookedAt >= LOOK_EVERY_MS) await this.look(now);
    return isLong ? LONG_BUSY_RETRY_MS : BUSY_RETRY_MS;
  }

  private async look(now: number): Promise<void> {
    this.lookedAt = now;
    const head = await this.line.head();
    if (head === null) this.head = undefined;
    else if (this.head?.is !== head) this.head = { is: head, since: now };
    if (this.blockedMs === 0 || now - this.loggedAt < LOG_EVERY_MS) return;
    this.loggedAt = now;
    this.onBlocked(this.blockedMs, await this.line.describeLeader());
  }
}
