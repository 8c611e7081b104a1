import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { IS_GOOD } from './database-state.js';
import type { Ledger, Operation } from './ledger.js';
import type { Tally } from './tally.js';
import type { Trouble } from './trouble.js';

const LOOK_EVERY_MS = 500;
/** Of the oldest; what waits behind them is seen when they are gone. */
const MAX_ROWS = 2_000;

/** Watches the outbox: nothing that is ready waits long while nothing is broken. */
export class Delays {
  /** By position, the quiet time at which each was seen first, or was last kept waiting by somebody who may. */
  private readonly since = new Map<string, number>();
  private readonly told = new Set<string>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly maxMs: number,
    private readonly mayWait: (operation: Operation) => boolean,
    private readonly trouble: Trouble,
    private readonly ledger: Ledger,
    private readonly tally: Tally,
  ) {}

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS);
      await this.look();
    }
  }

  async look(): Promise<void> {
    const rows = await this.ready().catch(() => undefined);
    // Postgres is down.
    if (!rows) return;
    const now = this.trouble.quietMs;
    const ready = new Set(rows.map(({ pos }) => pos));
    for (const pos of this.since.keys()) if (!ready.has(pos)) this.since.delete(pos);
    for (const { pos, op } of rows) {
      const operation = this.ledger.operations.get(Number(op));
      if (!operation || this.mayWait(operation)) this.since.set(pos, now);
      const since = this.since.get(pos) ?? now;
      this.since.set(pos, since);
      this.tally.max('longest wait in the outbox while nothing was broken, ms', now - since);
      if (now - since <= this.maxMs || this.told.has(pos)) continue;
      this.told.add(pos);
      const what = `row ${pos}, operation ${op}, waits since ${Math.round(now - since)} ms`;
      this.ledger.violate('nothing ready waits long while nothing is broken', what);
    }
  }

  private async ready(): Promise<{ pos: string; op: string | null }[]> {
    const { rows } = await this.pool.query<{ pos: string; op: string | null }>(
      `SELECT o.pos, o.payload -> 'data' ->> 'op' AS op FROM notifications.outbox o
       WHERE o.attempts < 5 AND (o.deliver_at IS NULL OR o.deliver_at <= now())
         AND ${IS_GOOD}
       ORDER BY o.pos LIMIT ${MAX_ROWS}`,
    );
    return rows;
  }
}
