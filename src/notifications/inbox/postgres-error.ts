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

/** Another transaction holds a lock for longer than `lock_timeout`. Everything was rolled back. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/** Postgres' answer says that nothing of the statement was stored. */
export function isRolledBack(error: unknown): boolean {
  return isRefusal(error) || isConflict(error) || isLockTimeout(error);
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

/** What a caller is told. */
export function toNotificationsError(error: unknown): NotificationsError {
  if (error instanceof NotificationsError) return error;
  const message =
    error instanceof Error && error.message ? error.message : String((error as { code?: unknown })?.code ?? error);
  const state = sqlState(error) ?? '';
  if (isRefusal(error)) {
    const text = `Postgres refused the notification: ${message}. It will refuse it again: change what it names.`;
    return new NotificationsError('REJECTED_BY_DATABASE', text, { cause: error });
  }
  if (/^(42501|25006)$/.test(state)) {
    const text = `Postgres refused to store the notification: ${message}. Let the role and the transaction write to the notifications' tables.`;
    return new NotificationsError('REJECTED_BY_DATABASE', text, { cause: error });
  }
  const remedy = /^(42P01|3F000)$/.test(state)
    ? 'The tables are missing: run the migrations, or set autoMigrate.'
    : 'Nothing is known to be stored; with an idempotencyKey the call can be repeated.';
  return new NotificationsError('DATABASE_UNAVAILABLE', `Postgres did not answer: ${message}. ${remedy}`, {
    cause: error,
  });
}
