import { Periodic } from '../periodic.js';
import type { OutboxLine } from './outbox-line.js';
import type { RelayDelivery } from './relay-delivery.js';
import type { RowCheck } from './row-check.js';
import type { Setbacks } from './setbacks.js';
import { UnwritableRows } from './unwritable-rows.js';

/** Finds what other instances have set aside. */
const POLL_MS = 1_000;
/** How exactly it is remembered when rows that this instance has set aside are due; later ones are found by polling. */
const STEP_MS = 50;
const MAX_REMEMBERED_MS = 5_000;

/** What retries work with: their own, so that a row that hangs holds up nothing of the line. */
interface Parts {
  line: OutboxLine;
  check: RowCheck;
  delivery: RelayDelivery;
  setbacks: Setbacks;
  onError(error: unknown): void;
}

/**
 * Tries rows that were set aside, each by itself, beside the line. They have no order, and each is claimed by one instance:
 * all instances do it at once.
 */
export class Retries {
  private readonly loop: Periodic;
  /** When rows are due, by `performance.now()`. */
  private readonly dueAt = new Set<number>();
  private readonly unwritable: UnwritableRows;
  private closed = false;

  constructor(private readonly parts: Parts) {
    this.unwritable = new UnwritableRows(parts.line, (error) => parts.onError(error));
    this.loop = new Periodic(
      POLL_MS,
      () => this.run(),
      (error) => parts.onError(error),
    );
  }

  start(): void {
    this.loop.start();
  }

  /** Rows are due in so many milliseconds. */
  expect(inMs: readonly number[]): void {
    const now = performance.now();
    const before = this.dueAt.size;
    for (const ms of inMs) {
      if (ms <= MAX_REMEMBERED_MS) this.dueAt.add(Math.ceil((now + ms) / STEP_MS) * STEP_MS);
    }
    if (this.dueAt.size > before) this.loop.start(this.nextInMs);
  }

  /** Waits for the row that is being tried; the others that were claimed are given back. */
  async close(): Promise<void> {
    this.closed = true;
    await this.loop.close();
  }

  /** @returns when to look again, in milliseconds. */
  private async run(): Promise<number> {
    const { line, check, delivery, setbacks } = this.parts;
    await setbacks.writeAll();
    while (!this.closed) {
      const now = performance.now();
      for (const at of this.dueAt) if (at <= now) this.dueAt.delete(at);
      const { rows, isOver } = await this.unwritable.change({
        change: (which) => line.claimDue(which),
        find: (which) => line.findClaimable(which),
      });
      if (isOver) break;
      const checked = check.check(rows);
      try {
        await delivery.retry(checked.good);
      } finally {
        setbacks.add([...checked.setbacks, ...delivery.takeSetbacks()]);
      }
      await setbacks.writeAll();
    }
    return this.nextInMs;
  }

  private get nextInMs(): number {
    return Math.max(0, Math.min(POLL_MS, Math.min(...this.dueAt) - performance.now()));
  }
}
