import type { DataSource } from 'typeorm';
import type { BrokerFactory } from './broker/broker.js';
import { NotificationsError } from './notifications.error.js';

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
  /** How long after its issue a stream token opens a stream. @default 60_000 */
  ttlMs?: number;
}

/** How long notifications are kept. */
export interface RetentionOptions {
  /** Notifications older than this are deleted, read or not. @default 365 */
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
  /** The Postgres schema of the module's tables. @default 'notifications' */
  schema?: string;
  /** Brings the schema up to date at start-up; `false` leaves that to the host's pipeline. @default true */
  autoMigrate?: boolean;
  /** Connections of the module's own pool. @default 4 */
  poolSize?: number;
  /**
   * How long `notify()` and `broadcast()` without a manager wait for Postgres, in milliseconds; then they reject with
   * `DEADLINE_EXCEEDED` (it may have been stored) or `OVERLOADED` (it was not). @default 10_000
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

  /** How often a stream gets a `ping`, with jitter. @default 20_000 */
  heartbeatMs?: number;
  /** The reconnection time that `ready` tells clients. @default 3_000 */
  retryMs?: number;
  /** How often every connected inbox is looked at, whatever hints came. @default 15_000 */
  sweepMs?: number;
  /** Ends a stream with `close` `age` after this time, give or take a tenth; the client reconnects. @default null */
  maxStreamAgeMs?: number | null;
  /** Ends a stream of whose buffer nothing has drained for this time. @default 30_000 */
  slowClientMs?: number;
  /** Streams of one recipient on this instance; one more is answered with 429. @default 20 */
  maxStreamsPerRecipient?: number;
  /** Streams on this instance; one more is answered with 503. @default null */
  maxStreams?: number | null;
  /** Live bytes that may wait for a client that isn't reading; beyond, it goes on by cursor once it reads. @default 65_536 */
  maxPendingBytes?: number;
  /** A reconnecting client that missed more than this many gets `reset` instead of a replay. @default 1_000 */
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

  /** Origins that may use the controllers from other sites, with credentials. @default false */
  cors?: false | string[];
  /** Headers of every event stream, or a function that gives them for a request. @default {} */
  streamHeaders?: Record<string, string> | ((request: HttpRequest) => Record<string, string>);
  /** `null` keeps notifications for ever. @default { days: 365 } */
  retention?: RetentionOptions | null;
}

/** What must be known when the module is defined, also with `forRootAsync`. */
export interface NotificationsExtras {
  /** The path of the controllers, below the host's global prefix. @default 'notifications' */
  path?: string;
  /** `false` leaves the controllers out: the host writes its own over `NotificationService`. @default true */
  controllers?: boolean;
  /** Makes `NotificationService` injectable everywhere. @default true */
  isGlobal?: boolean;
  /** Decorators put on the controllers, such as the host's own `@Public()`. @default [] */
  controllerDecorators?: ClassDecorator[];
}

/** The options with every default filled in. */
export type ResolvedOptions = Required<Omit<NotificationsOptions, 'authenticate' | 'jwt' | 'dataSource' | 'broker'>> &
  Pick<NotificationsOptions, 'authenticate' | 'jwt' | 'dataSource' | 'broker'> & { streamToken: { ttlMs: number } };

const DEFAULTS = {
  schema: 'notifications',
  autoMigrate: true,
  poolSize: 4,
  notifyTimeoutMs: 10_000,
  acceptAccessTokenInQuery: false,
  heartbeatMs: 20_000,
  retryMs: 3_000,
  sweepMs: 15_000,
  maxStreamAgeMs: null,
  slowClientMs: 30_000,
  maxStreamsPerRecipient: 20,
  maxStreams: null,
  maxPendingBytes: 65_536,
  maxReplay: 1_000,
  streamWriter: 'socket',
  directStreamPath: null,
  cors: false,
  streamHeaders: {},
  retention: { days: 365 },
} as const satisfies NotificationsOptions;

/** The least value of each number, and whether null may disable it. */
const NUMBERS = {
  poolSize: { min: 1 },
  notifyTimeoutMs: { min: 100 },
  heartbeatMs: { min: 100 },
  retryMs: { min: 0 },
  sweepMs: { min: 100 },
  maxStreamAgeMs: { min: 1_000, nullable: true },
  slowClientMs: { min: 100 },
  maxStreamsPerRecipient: { min: 1 },
  maxStreams: { min: 1, nullable: true },
  maxPendingBytes: { min: 0 },
  maxReplay: { min: 0 },
} as const satisfies Partial<Record<keyof typeof DEFAULTS, { min: number; nullable?: boolean }>>;

const BOOLEANS = ['autoMigrate', 'acceptAccessTokenInQuery'] as const satisfies (keyof typeof DEFAULTS)[];

/** The options without a default of their own, and what each must be. */
const OTHERS = {
  dataSource: ['a DataSource or the name of one', (value) => typeof value === 'string' || hasOptions(value)],
  authenticate: ['a function of the request', isFunction],
  jwt: ['an object with secret or jwksUri', isObject],
  streamToken: ['an object such as { secret, ttlMs }', isObject],
  broker: ['a broker such as inProcessBroker()', isFunction],
} as const satisfies Record<
  Exclude<keyof NotificationsOptions, keyof typeof DEFAULTS>,
  [rule: string, isRight: (value: unknown) => boolean]
>;

const EXTRAS: Record<keyof NotificationsExtras, true> = {
  path: true,
  controllers: true,
  isGlobal: true,
  controllerDecorators: true,
};

/**
 * Fills in the defaults and checks the values.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`, with the option, what is wrong with it and what is allowed.
 */
export function resolveOptions(given: NotificationsOptions): ResolvedOptions {
  if (!isObject(given)) invalid(`the options must be an object, not ${given === null ? 'null' : typeof given}.`);
  // An option that is given as undefined has its default too, as in `{ schema: process.env.SCHEMA }`.
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  checkNames(Object.keys(set));
  for (const [name, [rule, isRight]] of Object.entries(OTHERS)) {
    // Its type alone: most of them hold secrets.
    if (name in set && !isRight(set[name])) {
      invalid(`${name} must be ${rule}, not ${set[name] === null ? 'null' : `of type ${typeof set[name]}`}.`);
    }
  }
  const options: ResolvedOptions = {
    ...DEFAULTS,
    ...set,
    streamToken: { ...given.streamToken, ttlMs: given.streamToken?.ttlMs ?? 60_000 },
  };
  for (const name of BOOLEANS) {
    if (typeof options[name] !== 'boolean') wrong(name, 'must be true or false', options[name]);
  }
  for (const [name, { min, ...rule }] of Object.entries(NUMBERS)) {
    const value = options[name as keyof typeof NUMBERS];
    if (value === null && 'nullable' in rule) continue;
    if (!Number.isInteger(value) || (value as number) < min)
      wrong(name, `must be a whole number of at least ${min}`, value);
  }
  if (!Number.isInteger(options.streamToken.ttlMs) || options.streamToken.ttlMs < 1_000) {
    wrong('streamToken.ttlMs', 'must be a whole number of at least 1000', options.streamToken.ttlMs);
  }
  if (typeof options.schema !== 'string' || !/^[a-z_][a-z0-9_]{0,62}$/.test(options.schema)) {
    wrong('schema', 'must be a Postgres name of lower-case letters, digits and underscores', options.schema);
  }
  if (options.streamWriter !== 'socket' && options.streamWriter !== 'nest') {
    wrong('streamWriter', "must be 'socket' or 'nest'", options.streamWriter);
  }
  const { retention, directStreamPath } = options;
  if (directStreamPath !== null && !/^\/[^?#\s]*$/.test(directStreamPath)) {
    wrong('directStreamPath', 'must be null or a path such as /api/notifications/stream', directStreamPath);
  }
  if (directStreamPath !== null && options.streamWriter === 'nest') {
    invalid("directStreamPath needs streamWriter 'socket': Nest doesn't see these streams, and can't write them.");
  }
  if (retention !== null && !(retention.days > 0 && retention.days <= 36_500)) {
    wrong('retention', 'must be { days } between 0 and 36,500, or null, which keeps everything', retention);
  }
  if (
    options.cors !== false &&
    !(Array.isArray(options.cors) && options.cors.every((origin) => URL.canParse(origin)))
  ) {
    wrong('cors', "must be false or a list of origins such as ['https://crm.example.com']", options.cors);
  }
  if (!isObject(options.streamHeaders) && !isFunction(options.streamHeaders)) {
    wrong('streamHeaders', 'must be an object of headers, or a function that gives one', options.streamHeaders);
  }
  return options;
}

function checkNames(names: string[]): void {
  for (const name of names) {
    if (name in DEFAULTS || name in OTHERS) continue;
    invalid(
      name in EXTRAS
        ? `${name} comes too late: it is needed when the module is defined. Give it to forRootAsync beside useFactory.`
        : `${name} is not an option. The options are ${[...Object.keys(DEFAULTS), ...Object.keys(OTHERS)].join(', ')}.`,
    );
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

/** By its form: TypeORM may be there twice. */
function hasOptions(value: unknown): boolean {
  return isObject(value) && isObject((value as { options?: unknown }).options);
}

function wrong(name: string, rule: string, value: unknown): never {
  const shown = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? typeof value);
  invalid(`${name} ${rule}, not ${shown}.`);
}

function invalid(problem: string): never {
  throw new NotificationsError('INVALID_OPTIONS', `NotificationsModule: ${problem}`);
}
