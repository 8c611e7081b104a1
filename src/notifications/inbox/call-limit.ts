import { NotificationsError } from '../notifications.error.js';

/** Calls that may wait for Postgres at once, and characters of their JSON; beyond, a call is refused at once. */
const MAX_CALLS = 10_000;
const MAX_LENGTH = 64 * 1024 * 1024;

/**
 * Bounds what waits for Postgres, of all ways to send together: a database that is silent must not fill the memory of its
 * clients.
 */
export class CallLimit {
  private calls = 0;
  private length = 0;

  /** @param timeoutMs how long a call waits for Postgres. */
  constructor(readonly timeoutMs = 10_000) {}

  /** Takes room for a call. @throws {NotificationsError} `OVERLOADED` */
  admit(length: number): void {
    if (this.calls >= MAX_CALLS || this.length >= MAX_LENGTH) {
      const message = `${this.calls.toLocaleString('en')} notifications wait for Postgres already, as many as there is room for. This one was not stored. Try again later, or send fewer at a time.`;
      throw new NotificationsError('OVERLOADED', message);
    }
    this.calls += 1;
    this.length += length;
  }

  release(length: number): void {
    this.calls -= 1;
    this.length -= length;
  }
}

/** The deadline of a call has passed. @param isSent it is with Postgres: it may have been stored. */
export function lateError(isSent: boolean, timeoutMs: number): NotificationsError {
  if (isSent) {
    const message = `Postgres did not answer within notifyTimeoutMs (${timeoutMs} ms): the notification may have been stored. With an idempotencyKey the call can be repeated.`;
    return new NotificationsError('DEADLINE_EXCEEDED', message);
  }
  const message = `The notification waited notifyTimeoutMs (${timeoutMs} ms) for its turn, and was not stored: Postgres is too slow, or does not answer. Try again later.`;
  return new NotificationsError('OVERLOADED', message);
}

/** Postgres is silent, and what was asked about an inbox has no answer. */
export function silentError(timeoutMs: number): NotificationsError {
  const message = `Postgres did not answer within notifyTimeoutMs (${timeoutMs} ms). A change may have been made all the same; it can be repeated.`;
  return new NotificationsError('DATABASE_UNAVAILABLE', message);
}

/** Rejects when the work takes longer; it goes on. @param error that of a message, `DEADLINE_EXCEEDED`, or another one. */
export async function withDeadline<T>(
  timeoutMs: number,
  work: Promise<T>,
  error = () => lateError(true, timeoutMs),
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), timeoutMs);
    timer.unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
