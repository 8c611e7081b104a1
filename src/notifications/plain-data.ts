import { checkStorable, describe, invalid, isRecord, reasonOf } from './invalid.js';
import { NotificationsError } from './notifications.error.js';

/** Objects and arrays within each other at most. */
const MAX_DEPTH = 64;

/**
 * The `data` of a notification or a signal, as JSON has it.
 *
 * @param maxBytes of it as JSON in UTF-8.
 * @throws {NotificationsError} `INVALID_ARGUMENT`
 */
export function plainData(value: unknown, maxBytes: number): object {
  if (!isRecord(value)) invalid('data', `must be a JSON object, not ${describe(value)}.`);
  let json: string | undefined;
  try {
    json = JSON.stringify(value, refuseWhatJsonDrops);
  } catch (error) {
    if (error instanceof NotificationsError) throw error;
    invalid('data', `cannot be written as JSON: ${reasonOf(error)}.`, error);
  }
  if (json === undefined) invalid('data', 'must be a JSON object.');
  const parsed: unknown = JSON.parse(json);
  if (!isRecord(parsed)) invalid('data', 'must be a JSON object: its toJSON() gives something else.');
  const bytes = Buffer.byteLength(json) + checkJson(parsed, 1);
  if (bytes > maxBytes) {
    invalid('data', `has ${bytes} bytes as JSON; ${maxBytes} are allowed. Store the rest, and send its id.`);
  }
  return parsed;
}

/** JSON would turn these into null or nothing without a word. */
function refuseWhatJsonDrops(this: unknown, key: string, value: unknown): unknown {
  const lost =
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    typeof value === 'bigint' ||
    value instanceof Map ||
    value instanceof Set ||
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
