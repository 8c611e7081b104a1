import { expect } from '@jest/globals';
import { NotificationsError, type NotificationsErrorCode } from '../../src/notifications/index.js';
import type { TestDatabase } from './database.js';

/**
 * What the call is refused with, whether it throws or rejects: a typed error, and nothing else, with a message that is a
 * whole sentence.
 */
export async function refusal(call: () => unknown, code: NotificationsErrorCode): Promise<NotificationsError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    if (!(error instanceof NotificationsError)) {
      throw new Error(`Not a NotificationsError: ${error}`, { cause: error });
    }
    expect({ code: error.code, message: error.message }).toEqual({ code, message: expect.stringMatching(/\w.*\.$/s) });
    return error;
  }
  throw new Error(`It was accepted, and answered ${JSON.stringify(result)}`);
}

const TABLES = ['message', 'inbox', 'inbox_item', 'broadcast', 'broadcast_counter', 'outbox'] as const;

/** How many rows each table has; without those that are empty. */
export async function storedRows(database: TestDatabase, schema = 'notifications'): Promise<Record<string, number>> {
  const counts = TABLES.map((table) => `SELECT '${table}' AS name, count(*)::int AS n FROM ${schema}.${table}`);
  const rows = await database.query<{ name: string; n: number }>(counts.join(' UNION ALL '));
  return Object.fromEntries(rows.filter(({ n }) => n > 0).map(({ name, n }) => [name, n]));
}

/** How many rows each table had; they are deleted, so that no test fails for another's. */
export async function takeStoredRows(database: TestDatabase): Promise<Record<string, number>> {
  const stored = await storedRows(database);
  for (const table of Object.keys(stored)) await database.query(`DELETE FROM notifications.${table}`);
  return stored;
}
