import type { Change } from '../notification.js';
import type { Keyring } from './keyring.js';

/**
 * *Look there*: something happened in this inbox, or, without a recipient, there is a new broadcast for this tenant.
 * It carries nothing that a receiver may rely on: what happened is read from Postgres.
 */
export interface Hint {
  tenant: string;
  recipient?: string;
  /** What changed, where that is small. Used only if the row just read has exactly this revision. */
  change?: Change;
  /** Not a place to look, but a signal itself: a JSON object for the live streams of the recipient, or of the tenant. */
  signal?: string;
}

/** Who a broker tells: the hub of its instance. Its methods never throw, and return at once. */
export interface HintHandler {
  /** Hints of other instances have come. */
  onHints(hints: readonly Hint[]): void;
  /** Hints may have been lost: whoever relies on them looks at everything it has connected. */
  onGap(): void;
}

/**
 * Carries hints between instances.
 *
 * Guarantee: at most once. Hints may be lost, doubled or reordered, and an instance may get its own back. `onGap` is
 * called after every (re)subscription, so that whatever was lost before it is made up for.
 */
export interface Broker {
  /** Starts to deliver hints to `handler`. Called once. Resolves without waiting for the transport to be up. */
  subscribe(handler: HintHandler): Promise<void>;
  /** Sends hints to the other instances, later and if it can: never throws, never blocks. Call it after the commit. */
  publish(hints: readonly Hint[]): void;
  /** Sends what it still can, in half a second at most, and releases everything. No handler is called any more. */
  close(): Promise<void>;
}

/** What a broker may know of the application that it serves. */
export interface BrokerContext {
  /** Names database and schema: the channel of those, and only those, instances that share inboxes. */
  channel: string;
  /** How `pg` reaches the module's database. */
  postgres: PostgresAddress;
  /**
   * Signs messages to the other instances and verifies theirs, for transports that others can write to: a hint makes
   * every instance look at Postgres, and a signal is shown as it is.
   */
  keyring: Keyring;
  /** Is told that the transport is down, at most once until it is up again. */
  onDown(error: unknown): void;
}

/**
 * What `pg` needs to connect: a `pg.ClientConfig`, with everything that the host's `DataSource` says about it. Pass all of it
 * on to a `Client`.
 */
export interface PostgresAddress {
  connectionString?: string;
  host?: string;
  port?: number;
  user?: string;
  password?: string | (() => string | Promise<string>);
  database?: string;
  ssl?: boolean | object;
  /** The startup parameter. */
  options?: string;
  /** Makes the socket of a connection. */
  stream?: unknown;
  connectionTimeoutMillis?: number;
  application_name?: string;
  /** The class of connections, where it isn't `pg.Client`. */
  Client?: new (
    // biome-ignore lint/suspicious/noExplicitAny: a host's own driver
    config: any,
  ) => PgClient;
}

/** What we use of a `pg.Client`. */
export interface PgClient {
  connect(): Promise<unknown>;
  end(): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: as in pg
  query(config: any): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as in pg
  on(event: string, listener: (...values: any[]) => void): unknown;
  listeners(event: string): unknown[];
}

/**
 * Makes the broker of one application, when that starts. What it throws ends the start: options that can't work, or a
 * client that isn't installed; a server that is down does not.
 */
export type BrokerFactory = (context: BrokerContext) => Broker | Promise<Broker>;
