import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import { silentError } from './call-limit.js';
import { isUnanswered } from './postgres-error.js';
import { LOCK_PATIENCE_MS, untilUnlocked } from './until-unlocked.js';

/**
 * What locks an inbox row, one after the other for each inbox. Where another transaction holds the row, one connection of
 * the pool waits for it and not all of them, and only for as long as `lock_timeout` at a time.
 */
export class InboxTurns {
  /**
   * @param check throws where it is no use to wait any longer.
   * @param timeoutMs what has not had its turn by then is not done: its caller has been told so.
   */
  constructor(
    private readonly check: () => void,
    private readonly timeoutMs = 10_000,
  ) {}

  /** The last turn of each inbox; resolves to the error that it ended with, if any. */
  private readonly last = new Map<string, Promise<unknown>>();

  /** Has something a turn for this inbox, or waits for one? */
  isBusy(key: InboxKey): boolean {
    return this.last.has(nameOf(key));
  }

  /** @throws {NotificationsError} `INBOX_BUSY` if the row has been locked for too long; `DATABASE_UNAVAILABLE` */
  async run<T>(key: InboxKey, work: () => Promise<T>): Promise<T> {
    const name = nameOf(key);
    const began = performance.now();
    const before = this.last.get(name) ?? Promise.resolve();
    const turn = before.then(async (failure) => {
      const waited = performance.now() - began;
      // What the one before could not get, this one has waited for as long.
      if (waited > LOCK_PATIENCE_MS && failure !== undefined && isUnanswered(failure)) throw failure;
      if (waited > this.timeoutMs) throw silentError(this.timeoutMs);
      return await untilUnlocked(work, this.check, began + LOCK_PATIENCE_MS);
    });
    const settled = turn.then(
      () => undefined,
      (error) => error,
    );
    this.last.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.last.get(name) === settled) this.last.delete(name);
    }
  }
}
