import type { OutboxLine } from './outbox-line.js';

/** How soon to try again a row of the outbox that a trigger of the host doesn't let us change. */
export const UNWRITABLE_RETRY_MS = 10_000;

/** One statement that changes several rows of the outbox. */
interface Change<Row> {
  /** @param except leaves these rows. @param only changes this row alone. */
  change(rows: { except: readonly string[]; only?: string }): Promise<Row[]>;
  /** The positions that it would change. */
  find(rows: { except: readonly string[] }): Promise<string[]>;
}

/**
 * Changes rows of the outbox. Where a trigger or a policy of the host refuses one of them, all are changed one by one, and
 * that row is left alone for 10 s: it must not hold up the others.
 */
export class UnwritableRows {
  /** Until when each is left alone, by `performance.now()`. */
  private readonly until = new Map<string, number>();

  constructor(
    private readonly line: OutboxLine,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** @returns `isOver`: nothing is left that could be changed. */
  async change<Row>({ change, find }: Change<Row>): Promise<{ rows: Row[]; isOver: boolean }> {
    const now = performance.now();
    for (const [pos, until] of this.until) if (until <= now) this.until.delete(pos);
    const except = [...this.until.keys()];
    try {
      const rows = await change({ except });
      return { rows, isOver: rows.length === 0 };
    } catch (error) {
      if (!(await this.line.isOfRow(error))) throw error;
    }
    const rows: Row[] = [];
    for (const pos of await find({ except })) {
      try {
        rows.push(...(await change({ except, only: pos })));
      } catch (error) {
        if (!(await this.line.isOfRow(error))) throw error;
        this.until.set(pos, now + UNWRITABLE_RETRY_MS);
        this.onError(error);
      }
    }
    return { rows, isOver: false };
  }
}
