import type { NotificationsDataSource } from './database.js';
import { outboxStates } from './outbox-line.statement.js';
import { toNotificationsError } from './postgres-error.js';
import type { Relay } from './relay.js';

/** What is in the outbox. */
export interface OutboxFigures {
  /** Rows to be delivered now. */
  ready: number;
  /** How long the oldest of them has been ready, in milliseconds; 0 if there is none. */
  oldestReadyMs: number;
  /** Rows that could not be delivered and are tried again. */
  setAside: number;
  /** Rows with a `deliverAt` to come. */
  scheduled: number;
  /** Rows that were given up: see `ParkedNotifications`. */
  parked: number;
  /**
   * For how many milliseconds rows have been ready that no instance delivers, because another session holds the relay's
   * lock; 0 if all is well. As this instance sees it.
   */
  blockedMs: number;
}

/** For operators: what is in the outbox, and whether somebody delivers it. */
export class OutboxMonitor {
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly relay: Pick<Relay, 'blockedMs'>,
  ) {}

  /** Counts the rows of the outbox: one statement that reads all of it. @throws {NotificationsError} `DATABASE_UNAVAILABLE` */
  async read(): Promise<OutboxFigures> {
    const [row] = await this.database
      .run<Record<'ready' | 'oldest_ready_ms' | 'set_aside' | 'scheduled' | 'parked', string | null>>(
        outboxStates(this.database.quotedSchema),
      )
      .catch((error) => {
        throw toNotificationsError(error);
      });
    return {
      ready: Number(row?.ready ?? 0),
      oldestReadyMs: Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(Number(row?.oldest_ready_ms ?? 0)))),
      setAside: Number(row?.set_aside ?? 0),
      scheduled: Number(row?.scheduled ?? 0),
      parked: Number(row?.parked ?? 0),
      blockedMs: this.relay.blockedMs,
    };
  }
}
