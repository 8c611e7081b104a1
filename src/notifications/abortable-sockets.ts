import { Socket } from 'node:net';
import { addAbortSignal, type Duplex } from 'node:stream';

/** Makes the socket of a connection, as `pg`'s option `stream`. */
export type SocketFactory = (config?: object) => Duplex;

/**
 * Sockets that end with a signal, also while they connect.
 *
 * @param make what the host has as `stream`, because its database is reached by a tunnel or a cloud provider's connector. A
 *   single socket can't be shared with the host: then, as without one, each connection has a new one.
 */
export function abortableSockets(make: unknown, signal: AbortSignal): SocketFactory {
  if (typeof make !== 'function') return () => new Socket({ signal });
  return (config) => addAbortSignal(signal, make(config) as Duplex);
}
