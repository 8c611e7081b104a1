import { setTimeout as sleep } from 'node:timers/promises';
import { NotificationsError } from '../notifications.error.js';
import { isLockTimeout } from './postgres-error.js';

const RETRY_MS = 100;
const FIRST_WORD_MS = 2_000;
const NEXT_WORD_MS = 30_000;
const MAX_WAIT_MS = 600_000;

/** Waits while tables are migrated elsewhere or are in use, and says so. */
export class MigrationWait {
  private readonly since = performance.now();
  private sayAt = this.since + FIRST_WORD_MS;

  /** @param check throws when the application shuts down meanwhile. */
  constructor(
    private readonly onWait: (reason: string) => void,
    private readonly check: () => void,
  ) {}

  /** @param holder names who has what this waits for. */
  async until(isDone: () => Promise<boolean>, holder: () => Promise<string>): Promise<void> {
    while (!(await isDone())) {
      const now = performance.now();
      if (now >= this.sayAt) this.say(`another session migrates the tables: ${await holder()}`);
      await this.pause();
    }
  }

  /** Repeats work that was rolled back because it did not get a lock on a table in time. */
  async whileLocked<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isLockTimeout(error)) throw error;
        if (performance.now() >= this.sayAt)
          this.say(`a transaction that has written to the tables has not ended: ${(error as Error).message}`);
        await this.pause();
      }
    }
  }

  private say(reason: string): void {
    this.onWait(reason);
    this.sayAt = performance.now() + NEXT_WORD_MS;
  }

  private async pause(): Promise<void> {
    this.check();
    if (performance.now() - this.since > MAX_WAIT_MS) {
      const message = `The tables could not be migrated within ${MAX_WAIT_MS / 60_000} minutes. Look in pg_stat_activity for who holds them up, and start again.`;
      throw new NotificationsError('DATABASE_UNAVAILABLE', message);
    }
    await sleep(RETRY_MS);
  }
}
