import { types } from 'node:util';
import { checkStorable, describe, invalid, isRecord } from './invalid.js';
import { plainData, plainJson } from './plain-data.js';

/** The limits of everything that is sent. The `message` table has them as CHECK constraints too. */
export const LIMITS = {
  type: 100,
  title: 300,
  body: 10_000,
  url: 2_048,
  /** Bytes of `data` as JSON in UTF-8. */
  dataBytes: 16_384,
  /** Bytes of a signal's `data`. */
  signalBytes: 4_096,
  recipients: 100_000,
  /** Characters of a recipient's or a tenant's id, and of an idempotency key. */
  id: 255,
} as const;

interface Content {
  tenant?: string;
  type: string;
  title: string;
  body?: string | null;
  url?: string | null;
  data?: object;
  idempotencyKey?: string | null;
  /** ISO 8601 with an offset. */
  expiresAt?: string | null;
  /** A UUID; the database makes one where it is missing. */
  id?: string;
}

/** The JSON of a row in the outbox, and of an entry of a direct delivery: see docs/plain-sql.md. */
export type Payload =
  | (Content & { kind?: 'notification'; recipients: string[]; continues?: boolean })
  | (Content & { kind: 'broadcast' });

const KEYS = new Set([
  ...['kind', 'id', 'tenant', 'recipients', 'type', 'title', 'body', 'url', 'data', 'idempotencyKey', 'expiresAt'],
  'continues',
]);

const KINDS: unknown[] = ['notification', 'broadcast', undefined];

/** The kind or the field of a payload that only a newer version may know, for people; null if there is none. */
export function unknownPart(payload: unknown): string | null {
  if (!isRecord(payload)) return null;
  const quoted = (name: string) => JSON.stringify(name.slice(0, 50));
  if (typeof payload.kind === 'string' && !KINDS.includes(payload.kind)) return `the kind ${quoted(payload.kind)}`;
  const key = Object.keys(payload).find((name) => !KEYS.has(name));
  return key === undefined ? null : `the field ${quoted(key)}`;
}

/**
 * Checks a payload, whoever wrote it: `notify()`, or another program by plain SQL. Its `data` is replaced by what JSON
 * makes of it, so that what was checked is what is sent, whatever a `toJSON()` or a getter answers the next time.
 *
 * @throws {NotificationsError} `INVALID_ARGUMENT`, with the field, what is wrong with it and what is allowed.
 */
export function checkPayload(payload: unknown): asserts payload is Payload {
  if (!isRecord(payload)) invalid('The payload', 'must be a JSON object.');
  for (const key of Object.keys(payload)) {
    if (!KEYS.has(key))
      invalid(key.slice(0, 50), `is not a field of a notification; those are ${[...KEYS].join(', ')}.`);
  }
  const { kind = 'notification', recipients, continues } = payload;
  if (kind !== 'notification' && kind !== 'broadcast') invalid('kind', "must be 'notification' or 'broadcast'.");
  if (kind === 'broadcast' && (recipients !== undefined || continues !== undefined)) {
    invalid('recipients', 'must be left out of a broadcast: it goes to everybody of the tenant.');
  }
  if (kind === 'notification') checkRecipients(recipients);
  if (continues !== undefined && typeof continues !== 'boolean') invalid('continues', 'must be true or false.');
  if (payload.id !== undefined && !(typeof payload.id === 'string' && UUID.test(payload.id))) {
    invalid('id', 'must be a UUID.');
  }
  if (payload.tenant !== undefined) checkTenant(payload.tenant);
  checkText('type', payload.type, 1, LIMITS.type);
  checkText('title', payload.title, 1, LIMITS.title);
  if (!isMissing(payload.body)) checkText('body', payload.body, 0, LIMITS.body);
  if (!isMissing(payload.url)) checkUrl(payload.url);
  if (payload.data !== undefined) payload.data = plainData(payload.data, LIMITS.dataBytes);
  if (!isMissing(payload.idempotencyKey)) checkText('idempotencyKey', payload.idempotencyKey, 1, LIMITS.id);
  if (!isMissing(payload.expiresAt)) checkInstant('expiresAt', payload.expiresAt);
}

/** A signal as streams carry it. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function signalJson(type: unknown, data: unknown): string {
  checkText('type', type, 1, LIMITS.type);
  return `{"type":${JSON.stringify(type)},"data":${plainJson(data, LIMITS.signalBytes)}}`;
}

/** @throws {NotificationsError} `INVALID_ARGUMENT` */
export function checkRecipientId(value: unknown, name = 'recipient'): asserts value is string {
  checkText(name, value, 1, LIMITS.id);
  if (CONTROL.test(value)) invalid(name, 'must not contain control characters.');
}

/** @throws {NotificationsError} `INVALID_ARGUMENT` */
export function checkTenant(value: unknown): asserts value is string {
  checkText('tenant', value, 0, LIMITS.id);
  if (CONTROL.test(value)) invalid('tenant', 'must not contain control characters.');
}

/** Also of another realm, as in a host's own Jest. */
export function isValidDate(value: unknown): value is Date {
  return types.isDate(value) && !Number.isNaN(value.getTime());
}

/** A caller's point in time as ISO 8601. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function instant(name: string, value: Date | string): string {
  if (types.isDate(value)) {
    if (!isValidDate(value)) invalid(name, 'is an invalid Date.');
    value = value.toISOString();
  }
  checkInstant(name, value);
  const utc = new Date(value).toISOString();
  // An offset may lead out of the years that Postgres reads, and the host's transaction would fail with it.
  checkInstant(name, utc);
  return utc;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const CONTROL = /\p{Cc}/u;
const INSTANT = /^(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)$/;
// `//host` and `/\host` lead to another site in every browser, and so do they with a tab or line break in between.
const PATH = /^\/(?![/\\])\P{Cc}*$/u;
const ABSOLUTE = /^https?:\/\/(?![/\\])\P{Cc}+$/iu;

/** @throws {NotificationsError} `INVALID_ARGUMENT` */
export function checkRecipients(value: unknown): void {
  if (!Array.isArray(value) || value.length === 0)
    invalid('recipients', 'must be a list of at least one recipient id.');
  if (value.length > LIMITS.recipients) {
    const allowed = LIMITS.recipients.toLocaleString('en');
    invalid('recipients', `has ${value.length} ids; ${allowed} are allowed. Split the call, or use broadcast().`);
  }
  for (const recipient of value) checkRecipientId(recipient);
}

function checkText(name: string, value: unknown, min: number, max: number): asserts value is string {
  if (typeof value !== 'string') invalid(name, `must be a string, not ${describe(value)}.`);
  if (value.length < min) invalid(name, 'must not be empty.');
  if (isTooLong(value, max)) invalid(name, `is too long: ${max.toLocaleString('en')} characters are allowed.`);
  checkStorable(name, value);
}

/** A character is a code point, as in Postgres' char_length(). */
export function isTooLong(value: string, max: number): boolean {
  return value.length > max && (value.length > 2 * max || [...value].length > max);
}

function checkUrl(value: unknown): void {
  checkText('url', value, 1, LIMITS.url);
  if (PATH.test(value) || (ABSOLUTE.test(value) && URL.canParse(value))) return;
  invalid('url', 'must be an http(s) URL, or a path that starts with one "/".');
}

function checkInstant(name: string, value: unknown): asserts value is string {
  if (
    typeof value === 'string' &&
    INSTANT.test(value) &&
    isDay(value.slice(0, 10)) &&
    !Number.isNaN(Date.parse(value))
  ) {
    return;
  }
  invalid(name, 'must be a Date or an ISO 8601 date and time with its offset, such as 2030-01-31T09:00:00Z.');
}

/** Date.parse() takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
}

function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}
