import { NotificationsError } from '../notifications.error.js';
import { sqlState } from './postgres-error.js';

/** The oldest Postgres that has all that the statements use. */
const LEAST_VERSION = 13;
const UNKNOWN_SETTING = '42704';

/** What a server says about itself and the connection. */
export interface ServerIdentity {
  /** Such as 180004. */
  number: number;
  /** Such as `18.4`. */
  version: string;
  database: string;
}

export const IDENTITY = `
  SELECT current_setting('server_version_num')::int AS number, current_setting('server_version') AS version,
    current_database() AS database`;

/** @throws {NotificationsError} `INVALID_OPTIONS` if the server is too old. */
export function checkVersion({ number, version }: ServerIdentity): void {
  if (number < LEAST_VERSION * 10_000) throw tooOld(version);
}

/** What connecting failed with; Postgres 10 and older refuse one of our settings before they could tell their version. */
export function connectErrorOf(error: unknown): unknown {
  const isSetting = sqlState(error) === UNKNOWN_SETTING && /"jit"/.test((error as Error).message);
  return isSetting ? tooOld('10 or older', error) : error;
}

function tooOld(version: string, cause?: unknown): NotificationsError {
  const message = `Notifications need Postgres ${LEAST_VERSION} or later, but the server of the DataSource is Postgres ${version}. Upgrade it, or name another DataSource in the option dataSource.`;
  return new NotificationsError('INVALID_OPTIONS', message, { cause });
}
