import { Socket } from 'node:net';
import pg from 'pg';

/** What cancelling needs of a `pg` client. */
export interface CancellableClient {
  readonly host?: string;
  readonly port?: number;
  readonly ssl?: boolean | object;
  readonly processID?: number | null;
  readonly secretKey?: number | null;
}

/** Not all of it is in the types of `pg`. */
type CancelConnection = {
  on(event: 'error', listener: () => void): void;
  once(event: 'connect' | 'sslconnect', listener: () => void): void;
  connect(port: number | string, host?: string): void;
  cancel(processID: number, secretKey: number): void;
};

/**
 * Asks Postgres to cancel the statement that a client waits for, on a connection of its own (a CancelRequest). Without it
 * a backend that waits for a lock would still do its work after the client has gone. Never throws; whether Postgres did it
 * shows by the statement's error, SQLSTATE 57014.
 *
 * https://www.postgresql.org/docs/18/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 *
 * @param signal ends the connection.
 */
export function cancelStatement(
  { host, port, ssl, processID, secretKey }: CancellableClient,
  signal: AbortSignal,
): void {
  if (typeof processID !== 'number' || typeof secretKey !== 'number' || port === undefined) return;
  const config = { ssl, stream: () => new Socket({ signal }) };
  const connection = new pg.Connection(config as never) as unknown as CancelConnection;
  connection.on('error', () => {});
  connection.once(ssl ? 'sslconnect' : 'connect', () => connection.cancel(processID, secretKey));
  if (host?.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, host);
}
