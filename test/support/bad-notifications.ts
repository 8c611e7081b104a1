/** A value that no caller should get past the service with, and what the refusal must name. */
export type BadCase = readonly [description: string, given: unknown, says: RegExp];

const NUL = 'a\0b';
const LONE_SURROGATE = 'a\ud83db';
const TEXT = [
  ['a number', 5],
  ['an object', {}],
  ['a String object', new String('x')],
  ['an array', ['x']],
  ['a symbol', Symbol('x')],
] as const;

function throws(): never {
  throw new Error('a getter of the caller failed');
}

function nested(depth: number): object {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { a: value };
  return { a: value };
}

function circular(): object {
  const value: Record<string, unknown> = { a: { b: [] } };
  (value.a as { b: unknown[] }).b.push(value);
  return value;
}

const texts = (name: string, max: string, length: number, required: boolean): BadCase[] => [
  ...TEXT.map(([kind, value]): BadCase => [`${name}: ${kind}`, { [name]: value }, must(name, 'be a string')]),
  [`${name}: one too long`, { [name]: 'x'.repeat(length + 1) }, new RegExp(`^${name} is too long: ${max} characters`)],
  [`${name}: one astral character too long`, { [name]: '🔔'.repeat(length + 1) }, new RegExp(`^${name} .*${max}`)],
  [`${name}: enormous`, { [name]: 'x'.repeat(2_000_000) }, new RegExp(`^${name} .*${max}`)],
  [`${name}: NUL`, { [name]: NUL }, must(name, 'not contain U\\+0000')],
  [`${name}: a lone surrogate`, { [name]: LONE_SURROGATE }, must(name, 'not contain a lone surrogate')],
  ...(required
    ? ([
        [`${name}: missing`, { [name]: undefined }, must(name, 'be a string')],
        [`${name}: null`, { [name]: null }, must(name, 'be a string')],
        [`${name}: empty`, { [name]: '' }, must(name, 'not be empty')],
      ] satisfies BadCase[])
    : []),
];

function must(name: string, rule: string): RegExp {
  return new RegExp(`^${name} must ${rule}`);
}

const BAD_URLS = [
  ...['', ' ', 'deals/1', './deals', '#top', '?q=1', 'example.com', 'mailto:a@example.com', 'data:text/html,x'],
  ...['javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'java\tscript:alert(1)'],
  ...['\u0001javascript:alert(1)', 'vbscript:x', 'file:///etc/passwd', 'ftp://example.com', 'blob:https://x.example/1'],
  ...[
    '//evil.example',
    '/\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '\\\\evil.example',
    '\t//evil.example',
  ],
  ...['https:/evil.example', 'https:evil.example', 'https:///evil.example', 'https://', 'https:\\\\evil.example'],
  ...['https://evil.example:99999', 'http://[::1', '/deals\r\nSet-Cookie: a=b', '/deals\u0085', '/deals\u007f'],
];

const IS_JSON = /^data.* (must be a JSON object|cannot be written as JSON|is .*, which JSON cannot carry)/;

const BAD_DATA: readonly BadCase[] = [
  ...[5, 'x', true, null, [], [1], Symbol('x'), () => 1, 10n, new Date(), new String('x'), new Map([[1, 2]])].map(
    (value): BadCase => [`data: ${Object.prototype.toString.call(value)}`, { data: value }, IS_JSON],
  ),
  ...Object.entries({
    'a BigInt': 10n,
    'a function': () => 1,
    'a symbol': Symbol('x'),
    'a Map': new Map(),
    'a Set': new Set([1]),
    NaN: Number.NaN,
    Infinity: Number.POSITIVE_INFINITY,
    '-Infinity': Number.NEGATIVE_INFINITY,
    'an object that throws': { toJSON: throws },
    'undefined in an array': [1, undefined],
    'a hole in an array': new Array(2),
  }).map(([kind, value]): BadCase => [`data, deep: ${kind}`, { data: { a: [{ b: value }] } }, IS_JSON]),
  ['data: circular', { data: circular() }, /^data cannot be written as JSON: .*circular/],
  ['data: 65 levels', { data: nested(64) }, /^data is nested deeper than 64 levels/],
  ['data: 10,000 levels', { data: nested(10_000) }, IS_JSON],
  ['data: a getter that throws', { data: Object.defineProperty({}, 'a', { enumerable: true, get: throws }) }, IS_JSON],
  ['data: throws a string', { data: { toJSON: throwing('a string') } }, IS_JSON],
  ['data: throws null', { data: { toJSON: throwing(null) } }, IS_JSON],
  ['data: a Proxy that throws', { data: new Proxy({}, { ownKeys: throws }) }, IS_JSON],
  ['data: a revoked Proxy', { data: revoked() }, /^The notification cannot be read/],
  ['title: a revoked Proxy', { title: revoked() }, /^The notification cannot be read/],
  ['data: toJSON gives a string', { data: { toJSON: () => 'x' } }, IS_JSON],
  ['data: toJSON gives an array', { data: { toJSON: () => [] } }, IS_JSON],
  ['data: toJSON gives nothing', { data: { toJSON: () => undefined } }, IS_JSON],
  ['data: NUL in a string', { data: { a: [{ b: NUL }] } }, /^data must not contain U\+0000/],
  ['data: NUL in a key', { data: { a: [{ [NUL]: 1 }] } }, /^a key in data must not contain U\+0000/],
  ['data: a lone surrogate in a string', { data: { a: [{ b: LONE_SURROGATE }] } }, /^data .*lone surrogate/],
  ['data: a lone surrogate in a key', { data: { a: [{ [LONE_SURROGATE]: 1 }] } }, /^a key in data .*lone surrogate/],
  ['data: 16,385 bytes', { data: { a: 'x'.repeat(16_385 - 8) } }, /^data has 16385 bytes as JSON; 16384 are allowed/],
  ['data: 16,385 bytes in few characters', { data: { a: `${'界'.repeat(5_459)}` } }, /^data has 16385 bytes/],
  // Six bytes each as JSON, 309 in Postgres, which writes out exponents.
  ['data: 1e308 many times', { data: { a: new Array(100).fill(1e308) } }, /^data has \d+ bytes/],
  ['data: 5e-324 many times', { data: { a: new Array(100).fill(5e-324) } }, /^data has \d+ bytes/],
];

function throwing(value: unknown): () => never {
  return () => {
    throw value;
  };
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Fields of a notification, each put over a good one. */
export const BAD_FIELDS: readonly BadCase[] = [
  ...texts('type', '100', 100, true),
  ...texts('title', '300', 300, true),
  ...texts('body', '10,000', 10_000, false),
  ...texts('url', '2,048', 2_048, false),
  ...BAD_URLS.map((url): BadCase => [`url: ${JSON.stringify(url)}`, { url }, /^url must (not be empty|be an http)/]),
  ['url: too long by its path', { url: `/${'x'.repeat(2_048)}` }, /^url is too long: 2,048 characters/],
  ...BAD_DATA,
  ['an unknown field', { titel: 'x' }, /^titel is not a field of a notification; those are type, title/],
  ['a field of another level', { recipients: ['eve'] }, /^recipients is not a field of a notification/],
  ['a getter that throws', Object.defineProperty({}, 'body', { enumerable: true, get: throws }), /^The notification /],
];

/** Whole notifications. */
export const BAD_NOTIFICATIONS: readonly BadCase[] = [
  ...[undefined, null, 'x', 5, true, Symbol('x')].map(
    (value): BadCase => [`a notification: ${String(value)}`, value, /^The notification must be an object/],
  ),
  ['a notification: an array', [], /^(The notification|type) must be/],
  ['a notification: a Proxy that throws', new Proxy({}, { get: throws }), /^The notification cannot be read: a getter/],
  ['a notification: a revoked Proxy', revoked(), /^The notification cannot be read/],
];

const BAD_INSTANTS = [
  ...['', 'tomorrow', 'now', 'infinity', '2030-01-31', '2030-01-31 09:00:00Z', '2030-01-31T09:00:00', '1893456000000'],
  ...['2030-02-30T00:00:00Z', '2030-13-01T00:00:00Z', '2030-01-01T25:00:00Z', '0000-01-01T00:00:00Z', '2030-01-31T09Z'],
  // Within the years of ISO 8601 here, outside of them in UTC, where Postgres would abort the host's transaction.
  ...['9999-12-31T23:59:59-14:00', '0001-01-01T00:00:00+14:00', '+010000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z'],
  ...[5, Number.NaN, {}, [], true, null, new Date(Number.NaN), new Date(8.64e15), new Date(-8.64e15)],
];

/** Options of `notify()` and `broadcast()`. */
export const BAD_OPTIONS: readonly BadCase[] = [
  ...['x', 5, null, true].map((value): BadCase => [`options: ${value}`, value, /^The options must be an object/]),
  ['an unknown option', { manger: undefined }, /^manger is not a field of the options; those are manager/],
  ['a getter that throws', Object.defineProperty({}, 'tenant', { enumerable: true, get: throws }), /^The options /],
  ['options: a revoked Proxy', revoked(), /^The options cannot be read/],
  ...texts('tenant', '255', 255, false),
  ['tenant: null', { tenant: null }, /^tenant must be a string/],
  ...['\r', '\n', 'a\r\nb', '\u0007', '\u0085'].map(
    (tenant): BadCase => [`tenant: ${JSON.stringify(tenant)}`, { tenant }, /^tenant must not contain control/],
  ),
  ...texts('idempotencyKey', '255', 255, false),
  ['idempotencyKey: empty', { idempotencyKey: '' }, /^idempotencyKey must not be empty/],
  ...['deliverAt', 'expiresAt'].flatMap((name) =>
    BAD_INSTANTS.map((value): BadCase => {
      const shown = value instanceof Date ? `Date ${value.getTime()}` : JSON.stringify(value);
      return [
        `${name}: ${shown}`,
        { [name]: value },
        new RegExp(`^${name} (must be a Date or an ISO 8601|is an invalid)`),
      ];
    }),
  ),
  [
    'deliverAt after expiresAt',
    { deliverAt: '2031-01-01T00:00:00Z', expiresAt: '2030-01-01T00:00:00Z' },
    /^expiresAt /,
  ],
  [
    'deliverAt at expiresAt',
    { deliverAt: '2030-01-01T01:00:00+01:00', expiresAt: '2030-01-01T00:00:00Z' },
    /^expiresAt /,
  ],
  ['manager: a string', { manager: 'x' }, /^manager must be the EntityManager/],
  ['manager: an object', { manager: {} }, /^manager must be the EntityManager/],
  ['manager: null', { manager: null }, /^manager must be the EntityManager/],
  ['manager: false', { manager: false }, /^manager must be the EntityManager/],
];

/** Ids of recipients, for every method that takes one. */
export const BAD_IDS: readonly BadCase[] = [
  ...[undefined, null, 5, true, Symbol('x'), new String('x'), {}].map(
    (id): BadCase => [`${typeof id} ${String(id)}`, id, /^recipient must be a string/],
  ),
  ['empty', '', /^recipient must not be empty/],
  ['256 characters', 'x'.repeat(256), /^recipient is too long: 255 characters/],
  ['256 astral characters', '🔔'.repeat(256), /^recipient is too long: 255 characters/],
  ['NUL', NUL, /^recipient must not contain U\+0000/],
  ['a lone surrogate', LONE_SURROGATE, /^recipient must not contain a lone surrogate/],
  ...['\r', 'a\nb', 'a\r\nevent: close', '\t', '\u001b', '\u0085'].map(
    (id): BadCase => [JSON.stringify(id), id, /^recipient must not contain control characters/],
  ),
];
