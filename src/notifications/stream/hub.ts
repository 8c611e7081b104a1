import type { Writable } from 'node:stream';
import type { Hint, HintHandler } from '../broker/broker.js';
import type { ConnectionCount, Counted } from '../inbox/connection-counts.js';
import type { InboxStore } from '../inbox/inbox.store.js';
import type { StreamPage } from '../inbox/stream-page.js';
import { nameOf } from '../inbox-name.js';
import type { Change, InboxKey } from '../notification.js';
import { currentContext } from '../own-context.js';
import { pause } from '../pause.js';
import { Admission, type Reservation } from './admission.js';
import { ConnectedInbox, type InboxReaders } from './connected-inbox.js';
import { ConnectedInboxes } from './connected-inboxes.js';
import { Connection, type ConnectionLimits, type ConnectionOptions } from './connection.js';
import type { CloseReason } from './frame.js';
import { Heartbeat } from './heartbeat.js';
import { InboxReader } from './inbox-reader.js';
import { Sweeper } from './sweeper.js';

/** Inboxes in one query. */
const INBOXES_PER_READ = 200;
/** When all clients return at once: without it every second of 10,000 took a query of its own. */
const GATHER_MS = 30;
const SHUTDOWN_MS = 2_000;
/** How long a place whose client is gone may be held, where nobody asks for one. */
const RELEASE_GONE_MS = 2_000;

export interface HubOptions extends ConnectionLimits {
  sweepMs: number;
  maxStreamsPerRecipient: number;
  maxStreams: number | null;
}

/**
 * Routes: from a recipient to that recipient's connections on this instance, by a map, so that an event costs what its
 * own connections cost. Hints only tell where to look; every frame comes from Postgres, by cursor.
 */
export class Hub implements HintHandler, Counted {
  private readonly inboxes = new ConnectedInboxes();
  private readonly admission: Admission;
  private readonly heartbeat: Heartbeat;
  private readonly readers: InboxReaders;
  private readonly sweeper: Sweeper;
  private readonly releaseTimer: NodeJS.Timeout;
  private readonly inOwnContext = currentContext();
  private closing = false;
  private connectionCount = 0;
  /** Recipients whose number of connections has changed since it was last told. */
  private changed = new Map<string, InboxKey>();

  /** @param onError is told of reads that fail; they are repeated. */
  constructor(
    store: InboxStore,
    private readonly options: HubOptions,
    onError: (error: unknown) => void,
  ) {
    this.admission = new Admission(options, this);
    this.heartbeat = new Heartbeat(options.heartbeatMs);
    this.readers = {
      live: new InboxReader(store, INBOXES_PER_READ, onError),
      catchingUp: new InboxReader(store, INBOXES_PER_READ, onError, GATHER_MS, true),
      onBehind: (tenant) => this.sweeper.onBroadcast(tenant),
    };
    this.sweeper = new Sweeper(store, this.inboxes, options.sweepMs, onError);
    this.releaseTimer = setInterval(() => this.admission.releaseGone(), RELEASE_GONE_MS);
    this.releaseTimer.unref();
  }

  /**
   * Takes a place among the streams, while a client can still be refused.
   *
   * @param output ends the reservation with its client; without it the caller must connect or release.
   * @throws {NotificationsError} `TOO_MANY_STREAMS_OF_RECIPIENT` or `TOO_MANY_STREAMS`
   */
  reserve(key: InboxKey, output?: Writable): Reservation {
    return this.admission.reserve(key, output);
  }

  /** Registers a connection, and only then reads: what happens from now on is not missed. {@link reserve} comes first. */
  connect(key: InboxKey, options: ConnectionOptions): Connection {
    return this.inOwnContext(() => this.register(key, options));
  }

  /** Streams on this instance, of one recipient or of all. */
  connections(key?: InboxKey): number {
    if (!key) return this.connectionCount;
    return this.inboxes.get(key)?.connections.size ?? 0;
  }

  /** Closes the connections whose client is gone, of one recipient or of all. */
  closeGone(key?: InboxKey): void {
    const inboxes = key === undefined ? this.inboxes.all() : [this.inboxes.get(key)];
    for (const inbox of inboxes) for (const connection of inbox?.connections ?? []) connection.closeIfGone();
  }

  /** The streams of a recipient that there are now. */
  streamsOf(key: InboxKey): Connection[] {
    return [...(this.inboxes.get(key)?.connections ?? [])];
  }

  /** Ends streams that are still open, telling their clients why. */
  end(streams: readonly Connection[], reason: CloseReason): void {
    this.inOwnContext(() => streams.forEach((stream) => void stream.end(reason)));
  }

  /** @param arrivals recipient → what has come to that inbox, where it is known already. */
  onHints(hints: readonly Hint[], arrivals?: ReadonlyMap<string, StreamPage>): void {
    if (this.inboxes.size === 0) return;
    for (const { tenant, recipient, change, signal } of hints) {
      if (signal !== undefined) this.signal(tenant, recipient, signal);
      else if (recipient === undefined) this.sweeper.onBroadcast(tenant);
      else this.onHint(this.inboxes.get({ tenant, recipient }), arrivals?.get(recipient), change);
    }
  }

  takeChangedCounts(all: boolean): ConnectionCount[] {
    const taken = this.changed;
    this.changed = new Map();
    // Those that left stay among them: whoever asks for all may have told their number, and not know it.
    if (all) for (const { key } of this.inboxes.all()) taken.set(nameOf(key), key);
    return [...taken.values()].map((key) => ({ ...key, connections: this.connections(key) }));
  }

  returnChangedCounts(counts: readonly ConnectionCount[]): void {
    for (const { tenant, recipient } of counts) this.changed.set(nameOf({ tenant, recipient }), { tenant, recipient });
  }

  /** Hints may have been lost: looks at every connected inbox. */
  onGap(): void {
    if (!this.closing) this.sweeper.onGap();
  }

  /** Ends every stream, spreading the clients' return, and resolves once they are gone, after about 2 s at the latest. */
  async shutdown(): Promise<void> {
    this.closing = true;
    this.heartbeat.close();
    clearInterval(this.releaseTimer);
    this.readers.live.close();
    this.readers.catchingUp.close();
    // Not awaited: a sweep may be waiting for a Postgres that is down.
    void this.sweeper.close();
    const outputs: Promise<void>[] = [];
    for (const inbox of this.inboxes.all()) {
      for (const connection of [...inbox.connections]) {
        outputs.push(connection.gone());
        connection.end('shutdown', this.spreadRetry(), SHUTDOWN_MS);
      }
    }
    if (outputs.length === 0) return;
    await Promise.race([Promise.all(outputs), pause(SHUTDOWN_MS + 100)]);
    // Gone means handed to the kernel; the last bytes leave in a moment.
    await pause(50);
  }

  private register(key: InboxKey, options: ConnectionOptions): Connection {
    let inbox = this.inboxes.get(key);
    if (!inbox) {
      inbox = new ConnectedInbox(key, this.readers, this.onLeft);
      this.inboxes.add(inbox);
    }
    const connection = new Connection(inbox, this.options, options);
    inbox.connections.add(connection);
    this.heartbeat.add(connection);
    this.connectionCount += 1;
    this.changed.set(nameOf(key), key);
    if (this.closing) connection.end('shutdown', this.spreadRetry(), SHUTDOWN_MS);
    else void connection.open();
    return connection;
  }

  private readonly onLeft = (connection: Connection, inbox: ConnectedInbox): void => {
    this.connectionCount -= 1;
    this.heartbeat.delete(connection);
    this.changed.set(nameOf(inbox.key), inbox.key);
    if (inbox.connections.size === 0) this.inboxes.delete(inbox);
  };

  private onHint(inbox: ConnectedInbox | undefined, arrival: StreamPage | undefined, change: Change | undefined): void {
    if (arrival) inbox?.arrived(arrival);
    else inbox?.refresh(change);
  }

  /** What can't be sent now is gone: a signal is only about this moment. */
  private signal(tenant: string, recipient: string | undefined, json: string): void {
    const inboxes = recipient === undefined ? this.inboxes.ofTenant(tenant) : [this.inboxes.get({ tenant, recipient })];
    for (const inbox of inboxes) for (const connection of inbox?.connections ?? []) connection.signal(json);
  }

  private spreadRetry(): number {
    return Math.round(this.options.retryMs * (0.5 + Math.random()));
  }
}
