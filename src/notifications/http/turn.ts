import type { ServerResponse } from 'node:http';
import { isGone } from '../stream/transport.js';

/**
 * Waits until a response may be written. Requests that are pipelined on one connection (HTTP/1.1) are handled at once and
 * answered in order: Node gives a response its socket when those before it have ended.
 *
 * @returns undefined where there is nothing to wait for. Where the turn never comes, because the response is behind a
 *   stream or the client leaves first, the promise stays pending, and is garbage with the connection.
 */
export function turnOf(response: ServerResponse): Promise<void> | undefined {
  if (response.socket !== null || isGone(response)) return undefined;
  return new Promise((resolve) => response.once('socket', () => resolve()));
}
