/** What went wrong, for programs. Codes are stable; messages may get better. */
export type NotificationsErrorCode =
  /** An argument breaks a limit or has the wrong form. Nothing was stored. */
  | 'INVALID_ARGUMENT'
  /** The options of the module can't work. Thrown at start-up. */
  | 'INVALID_OPTIONS'
  /** `manager` belongs to a transaction that has ended, or has failed and can only be rolled back. */
  | 'TRANSACTION_OVER'
  /** `manager` belongs to another database than the notifications. */
  | 'WRONG_DATABASE'
  /** Postgres could not be reached or broke off. With an `idempotencyKey` the call can simply be repeated. */
  | 'DATABASE_UNAVAILABLE'
  /** Postgres refused this notification; `cause` has its answer. */
  | 'REJECTED_BY_DATABASE'
  /** Another transaction holds the recipient's inbox row for too long. Nothing was stored or changed. */
  | 'INBOX_BUSY'
  /**
   * Too many calls wait already, or this one waited for its turn until `notifyTimeoutMs` was over, or, for what is no message,
   * 10 s for a connection. It was not stored.
   */
  | 'OVERLOADED'
  /** `notifyTimeoutMs` has passed and Postgres has not answered: it may have been stored. Repeat with an `idempotencyKey`. */
  | 'DEADLINE_EXCEEDED'
  /** The recipient has too many questions in flight. */
  | 'TOO_MANY_REQUESTS'
  /** There are as many streams as `maxStreamsPerRecipient` allows. */
  | 'TOO_MANY_STREAMS_OF_RECIPIENT'
  /** There are as many streams as `maxStreams` allows on this instance. */
  | 'TOO_MANY_STREAMS'
  /** The application is shutting down. */
  | 'CLOSED';

const BRAND = Symbol.for('nestjs-crm-notifications:error');

/**
 * The one error that this library throws. `instanceof` is true for those of another copy of the library as well, such as of its
 * CommonJS build beside its ES modules.
 */
export class NotificationsError extends Error {
  static {
    Object.defineProperty(NotificationsError.prototype, BRAND, { value: true });
  }

  static override [Symbol.hasInstance](value: unknown): value is NotificationsError {
    // biome-ignore lint/complexity/noThisInStatic: a class of the host's that extends this one
    if (this !== NotificationsError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return typeof value === 'object' && value !== null && BRAND in value;
  }

  override readonly name = 'NotificationsError';

  constructor(
    readonly code: NotificationsErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
