import type { OutboxLine, Parked, Setback } from './outbox-line.js';
import { isRefusal } from './postgres-error.js';

/** Upper bound of setbacks kept in memory: good rows may stand behind so many bad ones, and are delivered first. */
const MAX_WAITING = 100_000;
/** Nor may a setback wait for longer than this: until it is written its row is not tried again. */
const MAX_WAIT_MS = 2_000;
const ROWS_PER_STATEMENT = 5_000;

interface SetbackEvents {
  onParked(rows: Parked[]): void;
  /** Rows are tried again in so many milliseconds. */
  onDue(inMs: number[]): void;
  /** Somebody else has locked or deleted these rows: they stay in the line. */
  onLeft(positions: string[]): void;
  /** A trigger of the host doesn't let us change this row: it stays in the line. */
  onRefused(pos: string, error: unknown): void;
}

/**
 * What is to be taken out of the line, until it is written: that takes longer than to read on, and what broke a connection
 * may have left the next statement a broken one.
 */
export class Setbacks {
  private readonly waiting: Setback[] = [];
  private waitingSince = 0;

  constructor(
    private readonly line: OutboxLine,
    private readonly events: SetbackEvents,
  ) {}

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  /** Too many wait, or for too long. */
  get mustBeWritten(): boolean {
    return this.waiting.length >= MAX_WAITING || performance.now() - this.waitingSince > MAX_WAIT_MS;
  }

  get positions(): string[] {
    return this.waiting.map(({ pos }) => pos);
  }

  add(setbacks: readonly Setback[]): void {
    if (this.isEmpty) this.waitingSince = performance.now();
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
    try {
      await this.writeWhole(setbacks);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const [first] = setbacks as [Setback];
      if (setbacks.length === 1) return this.events.onRefused(first.pos, error);
      const middle = setbacks.length >> 1;
      await this.write(setbacks.slice(0, middle));
      await this.write(setbacks.slice(middle));
    }
  }

  private async writeWhole(setbacks: readonly Setback[]): Promise<void> {
    const { parked, left, dueInMs } = await this.line.setAside(setbacks);
    this.events.onDue(dueInMs);
    this.events.onLeft(left);
    if (parked.length > 0) this.events.onParked(parked);
  }
}
