import { pause } from '../pause.js';
import { busyError, isLockTimeout } from './postgres-error.js';

/** How long a call waits for what another transaction has locked; with `lock_timeout` and a busy machine < 5 s. */
export const LOCK_PATIENCE_MS = 4_000;
/** Between two attempts, in which others have the connection. */
const RETRY_MS = 100;

/**
 * Repeats a statement or a transaction for as long as another transaction holds a lock that it needs: that of an inbox row, or
 * of a whole table (a migration of the host's). Each attempt waits for `lock_timeout`.
 *
 * @param check throws where it is no use to wait any longer.
 * @param deadline by `performance.now()`: after that there is no other attempt.
 * @throws {NotificationsError} `INBOX_BUSY` if it has been locked for too long.
 */
export async function untilUnlocked<T>(
  work: () => Promise<T>,
  check: () => void,
  deadline = performance.now() + LOCK_PATIENCE_MS,
): Promise<T> {
  for (;;) {
    check();
    try {
      return await work();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (performance.now() + RETRY_MS > deadline) throw busyError(error);
    }
    await pause(RETRY_MS);
  }
}
