import { isDataSource } from './data-source-form.js';
import { isSchemaName, SCHEMA_RULE } from './inbox/schema-name.js';
import type {
  JwtOptions,
  NotificationsExtras,
  NotificationsOptions,
  ResolvedOptions,
  RetentionOptions,
  StreamTokenOptions,
} from './notifications.options.js';
import {
  anything,
  boolean,
  checkOptions,
  invalidOptions,
  isFunction,
  isListOf,
  isObject,
  isPlainObject,
  objectOf,
  oneOf,
  orNull,
  type Rules,
  text,
  textOrList,
  wholeNumber,
} from './option-rules.js';
import { MAX_TIMER_MS } from './timer-limit.js';

const OWNER = 'NotificationsModule';
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

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

const JWT: Rules<JwtOptions> = {
  secret: { ...text('a string'), isSecret: true },
  jwksUri: { ...text('the URL of a key set'), isSecret: true },
  issuer: textOrList('a string, or a list of strings'),
  audience: textOrList('a string, or a list of strings'),
  recipientClaim: text('the name of a claim'),
  tenantClaim: text('the name of a claim'),
};

const STREAM_TOKEN: Rules<StreamTokenOptions> = {
  // How long it must be is checked where it is used, with the remedy.
  secret: { ...text('a string of at least 16 characters', /^/), isSecret: true },
  ttlMs: wholeNumber(1_000, DAY_MS),
};

const RETENTION: Rules<RetentionOptions> = {
  days: {
    text: 'a number greater than 0, up to 36,500',
    accepts: (days) => typeof days === 'number' && days > 0 && days <= 36_500,
  },
};

const OPTIONS: Rules<NotificationsOptions> = {
  dataSource: anything('a DataSource or the name of one', (value) => typeof value === 'string' || isDataSource(value)),
  schema: { text: SCHEMA_RULE, accepts: isSchemaName },
  autoMigrate: boolean,
  poolSize: wholeNumber(1, 1_000),
  notifyTimeoutMs: wholeNumber(100, HOUR_MS),
  authenticate: anything('a function of the request', isFunction),
  jwt: objectOf('an object with secret or jwksUri', JWT),
  streamToken: objectOf('an object such as { secret, ttlMs }', STREAM_TOKEN),
  acceptAccessTokenInQuery: boolean,
  broker: anything('a broker such as inProcessBroker()', isFunction),
  heartbeatMs: wholeNumber(100, HOUR_MS),
  retryMs: wholeNumber(0, HOUR_MS),
  sweepMs: wholeNumber(100, DAY_MS),
  maxStreamAgeMs: orNull(wholeNumber(1_000, MAX_TIMER_MS)),
  slowClientMs: wholeNumber(100, DAY_MS),
  maxStreamsPerRecipient: wholeNumber(1, 1_000_000),
  maxStreams: orNull(wholeNumber(1, 10_000_000)),
  maxPendingBytes: wholeNumber(0, 64 * 1024 * 1024),
  maxReplay: wholeNumber(0, 1_000_000),
  streamWriter: oneOf('socket', 'nest'),
  directStreamPath: orNull(text('a path such as /api/notifications/stream', /^\/[^?#\s]*$/)),
  cors: {
    text: "false or a list of origins such as ['https://crm.example.com']",
    accepts: (value) => value === false || isListOf(value, isUrl),
  },
  streamHeaders: anything(
    'a plain object of headers, or a function that gives one',
    (value) => isPlainObject(value) || isFunction(value),
  ),
  retention: { ...orNull(objectOf('an object such as { days: 365 }', RETENTION)), isSecret: false },
};

/** What nothing but the controllers uses. */
const OF_CONTROLLERS = [
  'authenticate',
  'jwt',
  'streamToken',
  'acceptAccessTokenInQuery',
  'streamWriter',
  'directStreamPath',
  'cors',
  'streamHeaders',
] as const satisfies (keyof NotificationsOptions)[];

/** What routers take in the same way: text and parameters. The characters left out have a meaning for Express. */
const PATH = /^(?:[^\s?#()[\]{}*+!\\:]|:[a-z_]\w*)*$/i;

const EXTRAS: Rules<NotificationsExtras> = {
  path: text(
    'a path such as notifications, crm/notifications or :tenant/notifications, without wildcards and groups',
    PATH,
  ),
  controllers: boolean,
  isGlobal: boolean,
  controllerDecorators: anything('a list of decorators such as [Public()]', (value) => isListOf(value, isFunction)),
};

/**
 * Fills in the defaults and checks the values.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`, with the option, what is wrong with it and what is allowed.
 */
export function resolveOptions(given: NotificationsOptions): ResolvedOptions {
  if (!isObject(given))
    invalidOptions(OWNER, `the options must be an object, not ${given === null ? 'null' : typeof given}.`);
  const late = Object.keys(EXTRAS).find((name) => given[name as keyof typeof given] !== undefined);
  if (late !== undefined) {
    invalidOptions(
      OWNER,
      `${late} comes too late: it is needed when the module is defined. Give it to forRootAsync beside useFactory.`,
    );
  }
  // An option that is given as undefined has its default too, as in `{ schema: process.env.SCHEMA }`.
  const set = checkOptions<NotificationsOptions>(OWNER, given, OPTIONS);
  const options: ResolvedOptions = {
    ...DEFAULTS,
    ...set,
    streamToken: { ...set.streamToken, ttlMs: set.streamToken?.ttlMs ?? 60_000 },
  };
  // `retention: {}` says that there is one, and not which.
  if (options.retention !== null && options.retention.days === undefined) {
    invalidOptions(
      OWNER,
      `retention.days is missing. It must be ${RETENTION.days.text}; null as retention keeps everything.`,
    );
  }
  if (options.directStreamPath !== null && options.streamWriter === 'nest') {
    invalidOptions(
      OWNER,
      "directStreamPath needs streamWriter 'socket': Nest doesn't see these streams, and can't write them.",
    );
  }
  return options;
}

/** What is given to `forRoot`, as a plain object: Nest takes only enumerable fields of the object itself. */
export function plainOptions<T extends object>(given: T): T {
  if (!isObject(given)) return given;
  const names = Object.keys({ ...OPTIONS, ...EXTRAS }) as (keyof T)[];
  const read = names.map((name) => [name, given[name]]).filter(([, value]) => value !== undefined);
  return { ...given, ...Object.fromEntries(read) };
}

/**
 * Checks what must be known when the module is defined.
 *
 * @param isAsync they were given to `forRootAsync`: the other options come later, and one that stands beside them would have
 *   no effect.
 * @throws {NotificationsError} `INVALID_OPTIONS`
 */
export function checkExtras(given: object, isAsync: boolean): void {
  const entries = Object.entries(given);
  const early = entries.find(([name, value]) => Object.hasOwn(OPTIONS, name) && value !== undefined);
  if (isAsync && early) {
    invalidOptions(
      OWNER,
      `${early[0]} has no effect beside useFactory, useClass or useExisting: return it from there.`,
    );
  }
  // With forRoot the others are checked with their values, when the application starts.
  checkOptions(
    OWNER,
    isAsync ? given : Object.fromEntries(entries.filter(([name]) => Object.hasOwn(EXTRAS, name))),
    EXTRAS,
  );
}

/**
 * Checks the options where there are no controllers: a host that gives `jwt` there may believe that it guards something.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`
 */
export function checkWithoutControllers(given: NotificationsOptions): void {
  const defaults: NotificationsOptions = DEFAULTS;
  const names = OF_CONTROLLERS.filter((name) => given[name] !== undefined && given[name] !== defaults[name]);
  if (names.length === 0) return;
  invalidOptions(
    OWNER,
    `${names.join(', ')} would have no effect: controllers is false, and only they use that. Leave one or the other out.`,
  );
}

function isUrl(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value);
}
