import { types } from 'node:util';
import { checkStorable, describe, invalid, isRecord, reasonOf } from './invalid.js';
import { NotificationsError } from './notifications.error.js';

/** Objects and arrays within each other at most. */
const MAX_DEPTH = 64;

/**
 * What JSON text may need a closer look for: escapes, which lone surrogates and U+0000 are written as, and exponents. What
 * has none of them, and few brackets, is right as it is: most data, for which that look took half of all the time.
 */
const SUSPICIOUS = /\\u|\d[eE][+-]/;

/** The `data` of a notification, as JSON has it. See {@link plainJson}. */
export function plainData(value: unknown, maxBytes: number): object {
  return JSON.parse(plainJson(value, maxBytes));
}

/**
 * The `data` of a notification or a signal, as JSON text.
 *
 * @param maxBytes of it in UTF-8.
 * @throws {NotificationsError} `INVALID_ARGUMENT`
 */
export function plainJson(value: unknown, maxBytes: number): string {
  if (!isRecord(value)) invalid('data', `must be a JSON object, not ${describe(value)}.`);
  let json: string | undefined;
  try {
    json = JSON.stringify(value, refuseWhatJsonDrops);
  } catch (error) {
    if (error instanceof NotificationsError) throw error;
    invalid('data', `cannot be written as JSON: ${reasonOf(error)}.`, error);
  }
  if (json === undefined) invalid('data', 'must be a JSON object.');
  if (!json.startsWith('{')) invalid('data', 'must be a JSON object: its toJSON() gives something else.');
  const isPlain = !SUSPICIOUS.test(json) && countOf(json, '{') + countOf(json, '[') <= MAX_DEPTH;
  const bytes = Buffer.byteLength(json) + (isPlain ? 0 : checkJson(JSON.parse(json), 1));
  if (bytes > maxBytes) {
    invalid('data', `has ${bytes} bytes as JSON; ${maxBytes} are allowed. Store the rest, and send its id.`);
  }
  return json;
}

function countOf(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) count += 1;
  return count;
}

/** JSON would turn these into null or nothing without a word. */
function refuseWhatJsonDrops(this: unknown, key: string, value: unknown): unknown {
  const lost =
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    typeof value === 'bigint' ||
    types.isMap(value) ||
    types.isSet(value) ||
    (typeof value === 'number' && !Number.isFinite(value)) ||
    (value === undefined && Array.isArray(this));
  if (lost) invalid(`data.${key.slice(0, 50)}`, `is ${describe(value)}, which JSON cannot carry.`);
  return value;
}

/** Checks every string, key and level of parsed JSON; returns how many bytes Postgres adds by writing out exponents. */
function checkJson(value: unknown, depth: number): number {
  if (typeof value === 'string') checkStorable('data', value);
  if (typeof value === 'number' && value !== 0) {
    const exponent = Math.abs(Math.log10(Math.abs(value)));
    return exponent >= 6 && /e/.test(String(value)) ? Math.ceil(exponent) : 0;
  }
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > MAX_DEPTH) invalid('data', `is nested deeper than ${MAX_DEPTH} levels.`);
  let extra = 0;
  for (const [key, member] of Object.entries(value)) {
    checkStorable('a key in data', key);
    extra += checkJson(member, depth + 1);
  }
  return extra;
}
