import type { InboxKey } from '../notification.js';
import { NotificationsError } from '../notifications.error.js';
import { pause } from '../pause.js';
import { isLockTimeout } from './postgres-error.js';

/** Who has not locked the inbox by then gives up. */
const PATIENCE_MS = 4_000;
/** Between two attempts, in which others have the connection. */
const RETRY_MS = 100;

/**
 * What locks an inbox row, one after the other for each inbox. Where another transaction holds the row, one connection of
 * the pool waits for it and not all of them, and only for as long as `lock_timeout` at a time.
 */
export class InboxTurns {
  /** @param check throws where it is no use to wait any longer. */
  constructor(private readonly check: () => void) {}

  private readonly last = new Map<string, Promise<unknown>>();

  /** @throws {NotificationsError} `INBOX_BUSY` if the row has been locked for too long. */
  async run<T>({ tenant, recipient }: InboxKey, work: () => Promise<T>): Promise<T> {
    const name = `${tenant}\0${recipient}`;
    const deadline = performance.now() + PATIENCE_MS;
    const before = this.last.get(name);
    const turn = (before ?? Promise.resolve()).then(() => untilUnlocked(work, deadline, this.check));
    const settled = turn.then(
      () => undefined,
      () => undefined,
    );
    this.last.set(name, settled);
    try {
      return await turn;
    } finally {
      if (this.last.get(name) === settled) this.last.delete(name);
    }
  }
}

async function untilUnlocked<T>(work: () => Promise<T>, deadline: number, check: () => void): Promise<T> {
  for (;;) {
    check();
    if (performance.now() > deadline) throw busy();
    try {
      return await work();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      if (performance.now() + RETRY_MS > deadline) throw busy(error);
    }
    await pause(RETRY_MS);
  }
}

function busy(cause?: unknown): NotificationsError {
  const message =
    'Another transaction holds the inbox. Nothing was changed, or only the oldest were marked as read up to an id; try again.';
  return new NotificationsError('INBOX_BUSY', message, { cause });
}
