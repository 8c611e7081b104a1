import { types } from 'node:util';
import { NotificationsError } from './notifications.error.js';

/**
 * Reads what a caller has given: its getters may throw anything.
 *
 * @throws {NotificationsError} `INVALID_ARGUMENT`
 */
export function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof NotificationsError) throw error;
    invalid(name, `cannot be read: ${reasonOf(error)}.`, error);
  }
}

/** @throws {NotificationsError} `INVALID_ARGUMENT`, always. */
export function invalid(name: string, problem: string, cause?: unknown): never {
  throw new NotificationsError('INVALID_ARGUMENT', `${name} ${problem}`, { cause });
}

/** Postgres stores neither U+0000 nor half of a surrogate pair: either would abort the caller's transaction. */
export function checkStorable(name: string, value: string): void {
  if (value.includes('\0')) invalid(name, 'must not contain U+0000: Postgres cannot store it.');
  if (!value.isWellFormed()) invalid(name, 'must not contain a lone surrogate: Postgres cannot store it.');
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What an error says, without its full stop. */
export function reasonOf(error: unknown): string {
  return error instanceof Error
    ? String(error.message).split('\n', 1)[0]?.replace(/\.$/, '') || error.name
    : describe(error);
}

/** What a value is, for an error message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  const type = types.isMap(value) || types.isSet(value) ? value.constructor.name : typeof value;
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}
