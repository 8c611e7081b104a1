import type { StreamFrame } from './inbox.types.js';

// biome-ignore lint/suspicious/noExplicitAny: JSON
type Json = any;

const isText = (value: Json) => typeof value === 'string';
const isCount = (value: Json) => Number.isSafeInteger(value) && value >= 0;
const isIds = (value: Json) => Array.isArray(value) && value.every(isCount);
const isRecord = (value: Json) => typeof value === 'object' && value && !Array.isArray(value);
const maybe = (is: (value: Json) => boolean) => (value: Json) => value == null || is(value);

const NUMBERS = { lastId: isCount, unread: isCount, revision: isCount };
const FIELDS: Record<string, Record<string, (value: Json) => boolean>> = {
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
 * The data of an event, as docs/wire-format.md has it; undefined for what no server of ours has sent. Whatever lies between
 * the server and this page may have changed it, and a row without a title or time would break the whole list.
 */
export function dataOf({ event, data }: StreamFrame): Json {
  let parsed: Json;
  try {
    parsed = JSON.parse(data);
  } catch {
    return undefined;
  }
  const isGood = isRecord(parsed) && Object.entries(FIELDS[event] ?? {}).every(([name, is]) => is(parsed[name]));
  return isGood ? parsed : undefined;
}
