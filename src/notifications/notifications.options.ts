import type { DataSource } from 'typeorm';
import type { BrokerFactory } from './broker/broker.js';

/** Who makes a request, as the host's `authenticate` tells it. */
export interface Identity {
  /** The recipient whose inbox the request is about: 1–255 characters without control characters. */
  recipient: string;
  /** The tenant. @default '' */
  tenant?: string;
  /** When the session behind the request ends; its live streams end with it. @default never */
  expiresAt?: Date;
}

/** JWTs of the host, verified by the module: `secret` or `jwksUri` must be given. */
export interface JwtOptions {
  /** The shared secret of HS256, HS384 and HS512 tokens. */
  secret?: string;
  /** The address of the issuer's JSON Web Key Set, for asymmetric algorithms. */
  jwksUri?: string;
  /** Tokens must have this `iss`. @default any */
  issuer?: string | string[];
  /** Tokens must have this `aud`. @default any but the module's own stream tokens' */
  audience?: string | string[];
  /** The claim that holds the recipient's id. @default 'sub' */
  recipientClaim?: string;
  /** The claim that holds the tenant. A token without it belongs to tenant `''`. @default 'tenant' */
  tenantClaim?: string;
}

/** Stream tokens: what may stand in the URL of a stream. */
export interface StreamTokenOptions {
  /**
   * The key that stream tokens are signed with, the same on every instance; at least 16 characters.
   * @default derived from `jwt.secret`; without that, start-up fails
   */
  secret?: string;
  /** How long after its issue a stream token opens a stream: 1,000 to 86,400,000 ms (a day). @default 60_000 */
  ttlMs?: number;
}

/** How long notifications are kept. */
export interface RetentionOptions {
  /** Notifications older than this are deleted, read or not: more than 0, at most 36,500. @default 365 */
  days: number;
}

/** A request as Express or Fastify hand it to a guard. */
export interface HttpRequest {
  headers: Record<string, string | string[] | undefined>;
  query: unknown;
  // biome-ignore lint/suspicious/noExplicitAny: the host knows its own request type
  [key: string]: any;
}

/** What `NotificationsModule.forRoot()` takes, and what the factory of `forRootAsync()` returns. */
export interface NotificationsOptions {
  /** The host's DataSource, or its name. @default the host's default one, resolved when the application starts */
  dataSource?: DataSource | string;
  /** The Postgres schema of the module's tables: lower-case letters, digits and underscores. @default 'notifications' */
  schema?: string;
  /** Brings the schema up to date at start-up; `false` leaves that to the host's pipeline. @default true */
  autoMigrate?: boolean;
  /** Connections of the module's own pool: 1 to 1,000. @default 4 */
  poolSize?: number;
  /**
   * How long `notify()` and `broadcast()` without a manager wait for Postgres, in milliseconds; then they reject with
   * `DEADLINE_EXCEEDED` (it may have been stored) or `OVERLOADED` (it was not). Lists, numbers, marks and `disconnect()` wait
   * as long, and reject with `DATABASE_UNAVAILABLE`. 100 to 3,600,000 (an hour). @default 10_000
   */
  notifyTimeoutMs?: number;

  /**
   * Tells who makes a request; it may read cookies. Null answers 401, an HttpException passes unchanged, anything else
   * thrown answers 500. Either this or `jwt` is needed for the controllers.
   */
  authenticate?: (request: HttpRequest) => Identity | null | undefined | Promise<Identity | null | undefined>;
  /** Lets the module verify the host's JWTs from `Authorization: Bearer` by itself. */
  jwt?: JwtOptions;
  streamToken?: StreamTokenOptions;
  /**
   * Lets the host's own JWT open a stream from `?token=`. A URL ends up in logs and histories: prefer stream tokens.
   * @default false
   */
  acceptAccessTokenInQuery?: boolean;

  /** Wakes the other instances. @default postgresBroker() */
  broker?: BrokerFactory;

  /** How often a stream gets a `ping`, with jitter: 100 to 3,600,000 ms (an hour). @default 20_000 */
  heartbeatMs?: number;
  /** The reconnection time that `ready` tells clients: 0 to 3,600,000 ms (an hour). @default 3_000 */
  retryMs?: number;
  /** How often every connected inbox is looked at, whatever hints came: 100 to 86,400,000 ms (a day). @default 15_000 */
  sweepMs?: number;
  /**
   * Ends a stream with `close` `age` after this time, give or take a tenth; the client reconnects. 1,000 to 2,147,483,647 ms
   * (24 days). @default null
   */
  maxStreamAgeMs?: number | null;
  /** Closes a stream whose client has read nothing for this long: 100 to 86,400,000 ms (a day). @default 30_000 */
  slowClientMs?: number;
  /** Streams of one recipient on this instance, 1 to 1,000,000; one more is answered with 429. @default 20 */
  maxStreamsPerRecipient?: number;
  /** Streams on this instance, 1 to 10,000,000; one more is answered with 503. @default null */
  maxStreams?: number | null;
  /**
   * Live bytes that may wait for a client that isn't reading, 0 to 67,108,864 (64 MiB); beyond, it goes on by cursor once it
   * reads. @default 65_536
   */
  maxPendingBytes?: number;
  /** A reconnecting client that missed more than this many (0 to 1,000,000) gets `reset` instead of a replay. @default 1_000 */
  maxReplay?: number;

  /**
   * Who writes the module's streams. `'socket'`: a stream takes its connection from Node's HTTP server once it is open,
   * which takes a third of the memory; where that can't be done (HTTP/2, TLS in this process, Fastify), and with `'nest'`,
   * Nest writes its `@Sse()` response. The events are the same. @default 'socket'
   */
  streamWriter?: 'socket' | 'nest';

  /**
   * The path of the stream as clients ask for it, such as `/api/notifications/stream`. Given, streams that bring a stream token
   * are opened there straight from Node's HTTP server, for less than half of the CPU: no middleware, guard, interceptor or
   * filter of the host sees them. The stream token has been issued behind those, at most `streamToken.ttlMs` before.
   * @default null
   */
  directStreamPath?: string | null;

  /**
   * Origins whose pages may use the controllers, with credentials. Pages of others, apart from the very origin of the
   * application, get 403 for streams and changes, unless they bring a token. @default false
   */
  cors?: false | string[];
  /**
   * Headers of every event stream, or a function that gives them for a request, at once. Values are strings of printable ASCII;
   * what a stream says for itself, such as `Cache-Control` and `Connection`, is not among them. One that can't be sent ends the
   * start; of a function, the stream gets 500, and the log says why. @default {}
   */
  streamHeaders?: Record<string, string> | ((request: HttpRequest) => Record<string, string>);
  /** `null` keeps notifications for ever. @default { days: 365 } */
  retention?: RetentionOptions | null;
}

/** What must be known when the module is defined, also with `forRootAsync`. */
export interface NotificationsExtras {
  /** The path of the controllers, below the host's global prefix. @default 'notifications' */
  path?: string;
  /**
   * `false` leaves the controllers out: the host writes its own over `NotificationService`. Options that only the
   * controllers use, such as `jwt` and `cors`, are refused then. @default true
   */
  controllers?: boolean;
  /** Makes `NotificationService` injectable everywhere. @default true */
  isGlobal?: boolean;
  /** Decorators put on the controllers, such as the host's own `@Public()`. @default [] */
  controllerDecorators?: ClassDecorator[];
}

/** The options with every default filled in. */
export type ResolvedOptions = Required<Omit<NotificationsOptions, 'authenticate' | 'jwt' | 'dataSource' | 'broker'>> &
  Pick<NotificationsOptions, 'authenticate' | 'jwt' | 'dataSource' | 'broker'> & { streamToken: { ttlMs: number } };
