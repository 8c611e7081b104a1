import type { OutboxLine, Parked, Setback } from './outbox-line.js';

/** So many may wait to be written: what is good may stand behind as many bad rows, and is looked for first. */
const MAX_WAITING = 100_000;
const ROWS_PER_STATEMENT = 5_000;

interface SetbackEvents {
  onParked(rows: Parked[]): void;
  /** Rows are tried again in so many milliseconds. */
  onDue(inMs: number[]): void;
  /** Somebody else has locked or deleted these rows: they stay in the line. */
  onLeft(positions: string[]): void;
}

/**
 * What is to be taken out of the line, until it is written: that takes longer than to read on, and what broke a connection
 * may have left the next statement a broken one.
 */
export class Setbacks {
  private readonly waiting: Setback[] = [];

  constructor(
    private readonly line: OutboxLine,
    private readonly events: SetbackEvents,
  ) {}

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  get isFull(): boolean {
    return this.waiting.length >= MAX_WAITING;
  }

  add(setbacks: readonly Setback[]): void {
    for (const setback of setbacks) this.waiting.push(setback);
  }

  /** Writes these at once, before those that wait. */
  async writeNow(setbacks: readonly Setback[]): Promise<void> {
    if (setbacks.length === 0) return;
    try {
      await this.write(setbacks);
    } catch (error) {
      this.add(setbacks);
      throw error;
    }
  }

  /** Writes some of those that wait. */
  async writeSome(): Promise<void> {
    const some = this.waiting.slice(0, ROWS_PER_STATEMENT);
    if (some.length === 0) return;
    await this.write(some);
    this.waiting.splice(0, some.length);
  }

  /** Writes all that wait. */
  async writeAll(): Promise<void> {
    while (!this.isEmpty) await this.writeSome();
  }

  private async write(setbacks: readonly Setback[]): Promise<void> {
    const { parked, left, dueInMs } = await this.line.setAside(setbacks);
    this.events.onDue(dueInMs);
    this.events.onLeft(left);
    if (parked.length > 0) this.events.onParked(parked);
  }
}
