import pg from 'pg';
import type { SocketFactory } from '../abortable-sockets.js';

/** What cancelling needs of a `pg` client. */
export interface CancellableClient {
  readonly host?: string;
  readonly port?: number;
  readonly ssl?: boolean | object;
  readonly sslNegotiation?: string;
  readonly processID?: number | null;
  readonly secretKey?: number | null;
}

/** Not all of it is in the types of `pg`. */
type CancelConnection = {
  on(event: 'error', listener: () => void): void;
  once(event: 'connect' | 'sslconnect', listener: () => void): void;
  requestSsl(): void;
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
 * @param stream makes its socket.
 */
export function cancelStatement(client: CancellableClient, stream: SocketFactory): void {
  const { host, port, ssl, sslNegotiation, processID, secretKey } = client;
  if (typeof processID !== 'number' || typeof secretKey !== 'number' || port === undefined) return;
  const connection = new pg.Connection({ ssl, sslNegotiation, stream } as never) as unknown as CancelConnection;
  connection.on('error', () => {});
  // pg leaves the request for TLS to its Client.
  if (ssl && sslNegotiation !== 'direct') connection.once('connect', () => connection.requestSsl());
  connection.once(ssl ? 'sslconnect' : 'connect', () => connection.cancel(processID, secretKey));
  if (host?.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
  else connection.connect(port, host);
}
