import type { Writable } from 'node:stream';
import type { EntityManager } from 'typeorm';

/** How a notification is sent. */
export interface NotifyOptions {
  /**
   * The EntityManager of the caller's transaction: the notification exists if, and only if, that commits.
   * @default it is delivered at once
   */
  manager?: EntityManager;
  /** The recipients' tenant. @default '' */
  tenant?: string;
  /** A second message of the tenant with the same key is not stored, as long as the first is kept. @default none */
  idempotencyKey?: string;
  /** Not before this moment, by the database's clock. @default now */
  deliverAt?: Date | string;
  /** From this moment on it is neither listed nor streamed nor counted, by the database's clock. @default never */
  expiresAt?: Date | string;
}

/** Whom a signal is for. */
export interface SignalOptions {
  /** The recipients' tenant. @default '' */
  tenant?: string;
}

/** How a stream starts and ends. */
export interface StreamOptions {
  /** Where the client left off: the last event ID that it received. @default the present */
  lastEventId?: string;
  /** Ends the stream at this moment with `close` `expired`. @default never */
  expiresAt?: Date;
  /** `streamsValidFrom()` when the client was let in: a `disconnect()` since then ends the stream. @default now's */
  validFrom?: number;
  /**
   * The raw response (`ServerResponse`) that the stream is written to: the stream is paced by its socket, and ends with it.
   * @default none: what is emitted is taken to be consumed at once
   */
  response?: Writable;
}
