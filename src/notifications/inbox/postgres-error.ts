import { NotificationsError } from '../notifications.error.js';

/** The SQLSTATE of an error, also when TypeORM has wrapped it. */
export function sqlState(error: unknown): string | undefined {
  const { code, driverError, syscall } = (error ?? {}) as { code?: unknown; driverError?: unknown; syscall?: unknown };
  // Every SQLSTATE of Postgres itself has a digit, a trigger's need not; `EPIPE` is an error of the socket, which `pg` passes on.
  const isOfSystem = syscall !== undefined || /^E[A-Z]+$/.test(String(code));
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !isOfSystem) return code;
  return driverError && driverError !== error ? sqlState(driverError) : undefined;
}

/**
 * Postgres refuses the data (class 22), a constraint does (23), it is too much (54), or a trigger of the host raises an
 * exception (P0): trying again changes nothing.
 */
export function isRefusal(error: unknown): boolean {
  return /^(22|23|54|P0)/.test(sqlState(error) ?? '');
}

/** A deadlock or serialization failure: everything was rolled back, and may simply be tried again. */
export function isConflict(error: unknown): boolean {
  return /^(40001|40P01)$/.test(sqlState(error) ?? '');
}

/** Who needs a lock that another transaction has held for too long. */
export function busyError(cause?: unknown): NotificationsError {
  const message =
    'Another transaction holds the inbox, or has locked a table of the notifications, for seconds. Nothing was stored or changed, or only the oldest were marked as read up to an id. Look for it in pg_stat_activity, and try again.';
  return new NotificationsError('INBOX_BUSY', message, { cause });
}

/** Another transaction holds a lock for longer than `lock_timeout`. Everything was rolled back. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/**
 * Postgres has answered with an error of this one statement, and rolled it back: nothing of it is stored. Any SQLSTATE is
 * one, also a host's own (`RAISE ... USING ERRCODE = 'CRM01'`), but those that end the session: class 08 (connection), 57P
 * (shutdown, crash, terminated) and 25P03, 25P04 (session timeouts). After these the statement may have been committed.
 */
export function isOfStatement(error: unknown): boolean {
  return /^(?!08|57P|25P0[34])/.test(sqlState(error) ?? '08');
}

/**
 * The SQLSTATE is about the server, the session or what else runs just now, and not about a row: later the same statement
 * may succeed. By class: 08 connection, 25 transaction state, 28 and 3D login, 3F missing schema, 40 conflicts, 53 no room,
 * 55 locks, 57 intervention, 58 and XX and F0 system. 42P01 is a missing table. Within 55, `55000` is none of these: it is
 * what triggers raise about the state of a row. No SQLSTATE at all: nobody has answered.
 */
function isOutage(error: unknown): boolean {
  return /^(08|25|28|3D|3F|40|42P01|53|55(?!000)|57|58|XX|F0)/.test(sqlState(error) ?? '08');
}

/** The database itself may be why Postgres refuses this: an outage, or rights, tables and columns (class 42). */
export function mayConcernAll(error: unknown): boolean {
  return isOutage(error) || sqlState(error)?.startsWith('42') === true;
}

/**
 * The statement ended without an answer that says something about the data: the connection broke, a time-out struck, or
 * Postgres ran out of something. Where this repeats itself, the statement may be the reason. What is wrong with the database
 * itself (rights, tables, read-only) is none of these.
 */
export function isUnanswered(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined || /^(08|25P0[34]|53|57|58|XX)/.test(state);
}

/** A time-out of Postgres has ended the statement or its transaction. */
export function isTimeout(error: unknown): boolean {
  return /^(57014|25P0[34])$/.test(sqlState(error) ?? '');
}

/** Postgres has no room: on the disk, in memory, or for a connection. No message is to blame for that. */
export function isShortage(error: unknown): boolean {
  return sqlState(error)?.startsWith('53') === true;
}

/**
 * What a caller is told. `REJECTED_BY_DATABASE` where Postgres refuses this row, by whatever SQLSTATE, also one that a trigger
 * of the host has made up, or where the role or the transaction may not write. `DATABASE_UNAVAILABLE` where nobody answered,
 * or the error's class tells of an outage ({@link isOutage}). `INBOX_BUSY` where another transaction holds a lock.
 */
export function toNotificationsError(error: unknown): NotificationsError {
  if (error instanceof NotificationsError) return error;
  const message =
    error instanceof Error && error.message ? error.message : String((error as { code?: unknown })?.code ?? error);
  const state = sqlState(error) ?? '';
  if (isLockTimeout(error)) return busyError(error);
  if (/^(42501|25006)$/.test(state)) {
    const text = `Postgres refused to store the notification: ${message}. Let the role and the transaction write to the notifications' tables.`;
    return new NotificationsError('REJECTED_BY_DATABASE', text, { cause: error });
  }
  if (isRefusal(error) || !isOutage(error)) {
    const text = `Postgres refused the notification: ${message}. It will refuse it again: change what it names.`;
    return new NotificationsError('REJECTED_BY_DATABASE', text, { cause: error });
  }
  const remedy = /^(42P01|3F000)$/.test(state)
    ? 'The tables are missing: run the migrations, or set autoMigrate.'
    : 'Nothing is known to be stored; with an idempotencyKey the call can be repeated.';
  return new NotificationsError('DATABASE_UNAVAILABLE', `Postgres did not answer: ${message}. ${remedy}`, {
    cause: error,
  });
}
