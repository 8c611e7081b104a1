// biome-ignore lint/suspicious/noExplicitAny: JSON
type Json = any;

const isText = (value: Json) => typeof value === 'string';
const isCount = (value: Json) => Number.isSafeInteger(value) && value >= 0;
const isIds = (value: Json) => Array.isArray(value) && value.every(isCount);
const isRecord = (value: Json) => typeof value === 'object' && value && !Array.isArray(value);
const maybe = (is: (value: Json) => boolean) => (value: Json) => value == null || is(value);

const NUMBERS = { lastId: isCount, unread: isCount, revision: isCount };
const FIELDS: Record<string, Record<string, (value: Json) => unknown>> = {
  numbers: NUMBERS,
  page: {
    ...NUMBERS,
    items: (value) => Array.isArray(value) && value.every((item) => has(item, 'message')),
    nextBefore: maybe(isCount),
  },
  token: { token: recipientOf },
  ready: NUMBERS,
  reset: NUMBERS,
  state: { ...NUMBERS, readUpTo: maybe(isCount), read: maybe(isIds), unreadIds: maybe(isIds), removed: maybe(isIds) },
  message: {
    id: isCount,
    type: isText,
    title: isText,
    body: maybe(isText),
    url: maybe(isText),
    data: maybe(isRecord),
    createdAt: (value) => isText(value) && !Number.isNaN(Date.parse(value)),
    read: (value) => typeof value === 'boolean',
  },
  signal: { type: isText },
};

/**
 * Parses the data of an event, or the body of an answer: `page`, `numbers` or `token`.
 *
 * @returns undefined unless it is what docs/wire-format.md says. Interceptors and proxies between the server and this page
 * may have changed it, and a row without a title or time would break the whole list.
 */
export function dataOf(kind: string, data: string): Json {
  try {
    const parsed = JSON.parse(data);
    return has(parsed, kind) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Whom a stream token is for. @throws if it is none. */
export function recipientOf(streamToken: string): string {
  const [, claims = ''] = streamToken.split('.');
  const { tenant, recipient } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')));
  return JSON.stringify([tenant, recipient]);
}

function has(value: Json, kind: string): boolean {
  return isRecord(value) && Object.entries(FIELDS[kind] ?? {}).every(([name, is]) => is(value[name]));
}
