import type { OutboxLine, Parked, Setback } from './outbox-line.js';

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
  private waiting: Setback[] = [];
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
    if (this.isEmpty) this.waitingSince = performance.now();
    this.waiting = [...setbacks, ...this.waiting];
    await this.writeFirst(setbacks.length);
  }

  /** Writes some of those that wait. */
  async writeSome(): Promise<void> {
    await this.writeFirst(ROWS_PER_STATEMENT);
  }

  /** Writes all that wait. */
  async writeAll(): Promise<void> {
    while (!this.isEmpty) await this.writeSome();
  }

  /** Writes the first ones, in halves where one of them is refused. What is written waits no more, also if another half fails. */
  private async writeFirst(count: number): Promise<void> {
    const first = this.waiting.slice(0, count);
    const [row] = first;
    if (!row) return;
    try {
      await this.writeWhole(first);
    } catch (error) {
      if (!(await this.line.isOfRow(error))) throw error;
      if (first.length > 1) {
        const half = first.length >> 1;
        await this.writeFirst(half);
        await this.writeFirst(first.length - half);
        return;
      }
      this.events.onRefused(row.pos, error);
    }
    this.waiting.splice(0, first.length);
  }

  private async writeWhole(setbacks: readonly Setback[]): Promise<void> {
    const { parked, left, dueInMs } = await this.line.setAside(setbacks);
    this.events.onDue(dueInMs);
    this.events.onLeft(left);
    if (parked.length > 0) this.events.onParked(parked);
  }
}
