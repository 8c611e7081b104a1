import type { Writable } from 'node:stream';
import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import { NotificationsError } from '../notifications.error.js';
import type { Connection, ConnectionOptions } from './connection.js';
import { isGone } from './transport.js';

/** A flood of requests to a full instance must not cost a look at all places each: looks take this share of the time. */
const SHARE_OF_LOOKS = 1 / 20;

/** The streams that are connected: of one recipient, or of all. */
interface ConnectedStreams {
  connections(key?: InboxKey): number;
  connect(key: InboxKey, options: ConnectionOptions): Connection;
  /** Closes the connections whose client is gone. */
  closeGone(key?: InboxKey): void;
}

/**
 * Lets no more streams in than is allowed. It counts what exists: the connections, and the reservations that have not
 * become one. Before it refuses, it drops those whose client is gone, so that no place depends on an event.
 */
export class Admission {
  private readonly reserved = new Map<string, Set<Reservation>>();
  private reservedCount = 0;
  private nextLookAt = 0;

  constructor(
    private readonly limits: { maxStreamsPerRecipient: number; maxStreams: number | null },
    private readonly streams: ConnectedStreams,
  ) {}

  /** @throws {NotificationsError} `TOO_MANY_STREAMS_OF_RECIPIENT` or `TOO_MANY_STREAMS` */
  reserve(key: InboxKey, output?: Writable): Reservation {
    const reservation = new Reservation(this, key, output);
    if (reservation.isGone) return reservation;
    this.checkLimits(key);
    const name = nameOf(key);
    const ofRecipient = this.reserved.get(name);
    if (ofRecipient) ofRecipient.add(reservation);
    else this.reserved.set(name, new Set([reservation]));
    this.reservedCount += 1;
    return reservation;
  }

  /** See {@link Reservation.connect}. */
  connect(reservation: Reservation, options: ConnectionOptions): Connection | undefined {
    const hadPlace = this.release(reservation);
    if (hadPlace && !(options.output && isGone(options.output))) return this.streams.connect(reservation.key, options);
    options.complete();
    return undefined;
  }

  /** @returns whether the reservation still had its place. */
  release(reservation: Reservation): boolean {
    const name = nameOf(reservation.key);
    const ofRecipient = this.reserved.get(name);
    if (!ofRecipient?.delete(reservation)) return false;
    this.reservedCount -= 1;
    if (ofRecipient.size === 0) this.reserved.delete(name);
    return true;
  }

  /** Frees the places whose client is gone, of one recipient or of all. */
  releaseGone(key?: InboxKey): void {
    const sets = key === undefined ? this.reserved.values() : [this.reserved.get(nameOf(key)) ?? []];
    for (const reservations of sets) {
      for (const reservation of reservations) if (reservation.isGone) this.release(reservation);
    }
    this.streams.closeGone(key);
  }

  private checkLimits(key: InboxKey): void {
    const { maxStreams, maxStreamsPerRecipient } = this.limits;
    if (this.countOf(key) >= maxStreamsPerRecipient) this.releaseGone(key);
    const count = this.countOf(key);
    if (count >= maxStreamsPerRecipient) {
      const message = `This recipient has ${count} streams already, which is all that maxStreamsPerRecipient allows. Close one, or share one stream between tabs.`;
      throw new NotificationsError('TOO_MANY_STREAMS_OF_RECIPIENT', message);
    }
    if (maxStreams === null) return;
    if (this.total >= maxStreams) this.lookAtAll();
    if (this.total >= maxStreams) {
      const message = `This instance has ${maxStreams} streams, which is all that maxStreams allows. Try again, on another instance if there is one.`;
      throw new NotificationsError('TOO_MANY_STREAMS', message);
    }
  }

  private lookAtAll(): void {
    const start = performance.now();
    if (start < this.nextLookAt) return;
    this.releaseGone();
    const end = performance.now();
    this.nextLookAt = end + (end - start) / SHARE_OF_LOOKS;
  }

  private countOf(key: InboxKey): number {
    return this.streams.connections(key) + (this.reserved.get(nameOf(key))?.size ?? 0);
  }

  private get total(): number {
    return this.streams.connections() + this.reservedCount;
  }
}

/**
 * A place among the streams, from the moment that a client is let in: it becomes a connection, is released, or ends with
 * the response that it was made for.
 */
export class Reservation {
  constructor(
    private readonly admission: Admission,
    readonly key: InboxKey,
    private readonly output?: Writable,
  ) {}

  /** The response can become a stream no more. */
  get isGone(): boolean {
    return this.output !== undefined && isGone(this.output);
  }

  /**
   * Makes a connection of it; once.
   *
   * @returns undefined where the client is gone, or the place was given back: then `options.complete()` has been called.
   */
  connect(options: ConnectionOptions): Connection | undefined {
    return this.admission.connect(this, options);
  }

  /** Gives the place back; may be called again, and does nothing once it is a connection. */
  release(): void {
    this.admission.release(this);
  }
}
