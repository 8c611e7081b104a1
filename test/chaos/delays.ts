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
    for (const { pos, op, state } of rows) {
      const operation = this.ledger.operations.get(Number(op));
      if (!operation || this.mayWait(operation)) this.since.set(pos, now);
      const since = this.since.get(pos) ?? now;
      this.since.set(pos, since);
      this.tally.max('longest wait in the outbox while nothing was broken, ms', now - since);
      if (now - since <= this.maxMs || this.told.has(pos)) continue;
      this.told.add(pos);
      const what = `row ${pos}, operation ${op}, waits since ${Math.round(now - since)} ms: ${state}; ${await this.describeSessions()}`;
      this.ledger.violate('nothing ready waits long while nothing is broken', what);
    }
  }

  /** What the sessions of instances do that hold a lock by which relays take turns, or wait for any. */
  private async describeSessions(): Promise<string> {
    const { rows } = await this.pool.query<{ text: string }>(`
      SELECT concat_ws(' ', application_name, state, wait_event, (now() - query_start)::interval(1), left(query, 40)) AS text
      FROM pg_stat_activity a
      WHERE pid <> pg_backend_pid() AND (wait_event_type = 'Lock'
        OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory'))`);
    return rows.map(({ text }) => text).join(' | ') || 'nobody holds or waits for a lock';
  }

  private async ready(): Promise<{ pos: string; op: string | null; state: string }[]> {
    const { rows } = await this.pool.query<{ pos: string; op: string | null; state: string }>(
      `SELECT o.pos, o.payload -> 'data' ->> 'op' AS op,
         concat_ws(' ', o.attempts, o.retry_at - now(), o.deliver_at - now(), o.last_error,
           'at', localtime(1), 'of', o.payload ->> 'recipients') AS state
       FROM notifications.outbox o
       WHERE o.attempts < 5 AND (o.deliver_at IS NULL OR o.deliver_at <= now())
         AND ${IS_GOOD}
       ORDER BY o.pos LIMIT ${MAX_ROWS}`,
    );
    return rows;
  }
}
