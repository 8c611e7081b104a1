import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Random } from '../support/random.js';

/** What an administrator may set, with values that are too short for somebody. Postgres 18, which runs here, has all. */
const TIMEOUTS = [
  { name: 'statement_timeout', values: ['50ms', '500ms', '2s'] },
  { name: 'lock_timeout', values: ['20ms', '500ms'] },
  { name: 'idle_in_transaction_session_timeout', values: ['50ms', '1s'] },
  { name: 'idle_session_timeout', values: ['500ms', '4s'] },
  { name: 'transaction_timeout', values: ['60ms', '2s'] },
] as const;

/** For the harness's own sessions, which keep out of it: `options` of a connection to the newest version. */
export const WITHOUT_TIMEOUTS = TIMEOUTS.map(({ name }) => `-c ${name}=0`).join(' ');

/**
 * Sets some on the database for a while. Only sessions that begin meanwhile have it, so some are ended at once; those that
 * begin with it keep it until they end, as with every administrator. Nobody has to wait for that.
 *
 * @param terminate ends some sessions.
 * @param over ends it earlier.
 */
export async function setTimeoutsOnDatabase(
  pool: pg.Pool,
  random: Random,
  forMs: number,
  terminate: () => Promise<void>,
  over: AbortSignal,
): Promise<void> {
  const chosen = random.some(TIMEOUTS, random.between(1, 3));
  try {
    for (const { name, values } of chosen) {
      await pool.query(`ALTER DATABASE postgres SET ${name} = '${random.pick<string>(values)}'`);
    }
    await terminate();
    await sleep(forMs, undefined, { signal: over });
  } catch {
    // Postgres is down, or this session was among the ended; or the run is over.
  }
  await reset(
    pool,
    chosen.map(({ name }) => name),
  );
}

async function reset(pool: pg.Pool, names: readonly string[]): Promise<void> {
  for (;;) {
    try {
      for (const name of names) await pool.query(`ALTER DATABASE postgres RESET ${name}`);
      // The host's own sessions are not what is tried here; without its transactions less would be.
      await pool.query(`
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('crm', 'before')`);
      return;
    } catch {
      await sleep(200);
    }
  }
}
