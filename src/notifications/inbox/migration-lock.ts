import type { QueryRunner } from 'typeorm';
import type { MigrationWait } from './migration-wait.js';

const MIGRATION_TIMEOUT_MS = 600_000;
const TABLE_LOCK_MS = 2_000;
const LOCK_KEY = 'hashtextextended(current_database() || $1, 0)';
const TRY_LOCK = `SELECT pg_try_advisory_lock(${LOCK_KEY}) AS ok`;
const LOCK_HOLDER = `
  SELECT a.pid, a.application_name AS application FROM pg_locks l JOIN pg_stat_activity a USING (pid)
  WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32 | l.objid::bigint) = ${LOCK_KEY}`;
const UNLOCK = `SELECT pg_advisory_unlock(${LOCK_KEY})`;

/**
 * Migrates while no other session does. Twenty instances may start on an empty database: nineteen wait here.
 *
 * @param lock the name of the advisory lock.
 */
export async function underMigrationLock<T>(
  runner: QueryRunner,
  lock: string,
  wait: MigrationWait,
  work: () => Promise<T>,
): Promise<T> {
  // Not RESET afterwards: behind PgBouncer that is the server's value, not ours. A lock on a table is waited for only a
  // moment: whoever writes to the table would wait behind us.
  const [before] = await runner.query(
    `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`,
  );
  await runner.query(`SET statement_timeout = ${MIGRATION_TIMEOUT_MS}; SET lock_timeout = ${TABLE_LOCK_MS}`);
  await wait.until(
    async () => (await runner.query(TRY_LOCK, [lock]))[0]?.ok === true,
    async () => {
      const [holder] = await runner.query(LOCK_HOLDER, [lock]);
      return holder ? `process ${holder.pid} of application '${holder.application}'` : 'nobody just now';
    },
  );
  try {
    return await wait.whileLocked(work);
  } finally {
    await runner.query(UNLOCK, [lock]);
    await runner.query(`SET statement_timeout = '${before.statement}'; SET lock_timeout = '${before.lock}'`);
  }
}
