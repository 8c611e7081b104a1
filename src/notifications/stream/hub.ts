import type { Writable } from 'node:stream';
import type { Hint, HintHandler } from '../broker/broker.js';
import type { ConnectionCount, Counted } from '../inbox/connection-counts.js';
import type { InboxStore } from '../inbox/inbox.store.js';
import type { StreamPage } from '../inbox/stream-page.js';
import type { Change, InboxKey } from '../notification.js';
import { pause } from '../pause.js';
import { Periodic } from '../periodic.js';
import { Admission, type Reservation } from './admission.js';
import { ConnectedInbox, type InboxReaders } from './connected-inbox.js';
import { Connection, type ConnectionLimits, type ConnectionOptions } from './connection.js';
import { Heartbeat } from './heartbeat.js';
import { InboxReader } from './inbox-reader.js';

/** Inboxes in one query. */
const INBOXES_PER_READ = 200;
/** When all clients return at once: without it every second of 10,000 took a query of its own. */
const GATHER_MS = 30;
const INBOXES_PER_STATEMENT = 5_000;
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
  private readonly inboxes = new Map<string, ConnectedInbox>();
  private readonly admission: Admission;
  private readonly heartbeat: Heartbeat;
  private readonly readers: InboxReaders;
  private readonly sweeper: Periodic;
  private readonly releaseTimer: NodeJS.Timeout;
  private closing = false;
  private connectionCount = 0;
  /** Recipients whose number of connections has changed since it was last told. */
  private changed = new Map<string, InboxKey>();

  /** @param onError is told of reads that fail; they are repeated. */
  constructor(
    private readonly store: InboxStore,
    private readonly options: HubOptions,
    private readonly onError: (error: unknown) => void,
  ) {
    this.admission = new Admission(options, this);
    this.heartbeat = new Heartbeat(options.heartbeatMs);
    this.readers = {
      live: new InboxReader(store, INBOXES_PER_READ, onError),
      catchingUp: new InboxReader(store, INBOXES_PER_READ, onError, GATHER_MS),
    };
    this.sweeper = new Periodic(options.sweepMs, () => this.sweep(), onError);
    this.sweeper.start();
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
    return this.admission.reserve(key, nameOf(key), output);
  }

  /** Registers a connection, and only then reads: what happens from now on is not missed. {@link reserve} comes first. */
  connect(key: InboxKey, options: ConnectionOptions): Connection {
    const name = nameOf(key);
    let inbox = this.inboxes.get(name);
    if (!inbox) {
      inbox = new ConnectedInbox(key, this.readers, this.onLeft);
      this.inboxes.set(name, inbox);
    }
    const connection = new Connection(inbox, this.options, options);
    inbox.connections.add(connection);
    this.heartbeat.add(connection);
    this.connectionCount += 1;
    this.changed.set(name, key);
    if (this.closing) connection.end('shutdown', this.spreadRetry(), SHUTDOWN_MS);
    else void connection.open();
    return connection;
  }

  /** Streams on this instance, of one recipient or of all. */
  connections(key?: InboxKey): number {
    return this.count(key && nameOf(key));
  }

  count(name?: string): number {
    if (name === undefined) return this.connectionCount;
    return this.inboxes.get(name)?.connections.size ?? 0;
  }

  closeGone(name?: string): void {
    const inboxes = name === undefined ? this.inboxes.values() : [this.inboxes.get(name)];
    for (const inbox of inboxes) for (const connection of inbox?.connections ?? []) connection.closeIfGone();
  }

  /** The streams of a recipient that there are now. */
  streamsOf(key: InboxKey): Connection[] {
    return [...(this.inboxes.get(nameOf(key))?.connections ?? [])];
  }

  /** @param arrivals recipient → what has come to that inbox, where it is known already. */
  onHints(hints: readonly Hint[], arrivals?: ReadonlyMap<string, StreamPage>): void {
    if (this.inboxes.size === 0) return;
    for (const { tenant, recipient, change, signal } of hints) {
      if (signal !== undefined) this.signal(tenant, recipient, signal);
      else if (recipient === undefined) void this.onBroadcast(tenant);
      else this.onHint(this.inboxes.get(nameOf({ tenant, recipient })), arrivals?.get(recipient), change);
    }
  }

  takeChangedCounts(all: boolean): ConnectionCount[] {
    const taken = this.changed;
    this.changed = new Map();
    // Those that left stay among them: whoever asks for all may have told their number, and not know it.
    if (all) for (const [name, inbox] of this.inboxes) taken.set(name, inbox.key);
    return [...taken.values()].map((key) => ({ ...key, connections: this.connections(key) }));
  }

  returnChangedCounts(counts: readonly ConnectionCount[]): void {
    for (const { tenant, recipient } of counts) this.changed.set(nameOf({ tenant, recipient }), { tenant, recipient });
  }

  /** Hints may have been lost: looks at every connected inbox. */
  onGap(): void {
    if (!this.closing) this.sweeper.wake();
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
    for (const inbox of [...this.inboxes.values()]) {
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

  private readonly onLeft = (connection: Connection, inbox: ConnectedInbox): void => {
    const name = nameOf(inbox.key);
    this.connectionCount -= 1;
    this.heartbeat.delete(connection);
    this.changed.set(name, inbox.key);
    if (inbox.connections.size === 0 && this.inboxes.get(name) === inbox) this.inboxes.delete(name);
  };

  private onHint(inbox: ConnectedInbox | undefined, arrival: StreamPage | undefined, change: Change | undefined): void {
    if (arrival) inbox?.arrived(arrival);
    else inbox?.refresh(change);
  }

  /** What can't be sent now is gone: a signal is only about this moment. */
  private signal(tenant: string, recipient: string | undefined, json: string): void {
    const inboxes = recipient === undefined ? this.ofTenant(tenant) : [this.inboxes.get(nameOf({ tenant, recipient }))];
    for (const inbox of inboxes) for (const connection of inbox?.connections ?? []) connection.signal(json);
  }

  private ofTenant(tenant: string): ConnectedInbox[] {
    return [...this.inboxes.values()].filter((inbox) => inbox.key.tenant === tenant);
  }

  /** One statement for all connected recipients of the tenant, instead of one each when they are read. */
  private async onBroadcast(tenant: string): Promise<void> {
    const inboxes = this.ofTenant(tenant);
    try {
      for (let i = 0; i < inboxes.length; i += INBOXES_PER_STATEMENT) {
        await this.store.materialise(inboxes.slice(i, i + INBOXES_PER_STATEMENT).map((inbox) => inbox.key));
      }
    } catch (error) {
      // Each read makes up for it.
      this.onError(error);
    }
    for (const inbox of inboxes) inbox.refresh();
  }

  private async sweep(): Promise<void> {
    const known = [...this.inboxes.values()].flatMap((inbox) =>
      inbox.newest
        ? [{ inbox, ...inbox.key, ...inbox.newest.numbers, streamsValidFrom: inbox.newest.streamsValidFrom }]
        : [],
    );
    for (let i = 0; i < known.length; i += INBOXES_PER_STATEMENT) {
      const chunk = known.slice(i, i + INBOXES_PER_STATEMENT);
      for (const { index } of await this.store.sweep(chunk)) chunk[index]?.inbox.refresh();
    }
  }

  private spreadRetry(): number {
    return Math.round(this.options.retryMs * (0.5 + Math.random()));
  }
}

/** U+0000 is in no id, so no two keys have the same name. */
function nameOf({ tenant, recipient }: InboxKey): string {
  return `${tenant}\0${recipient}`;
}
