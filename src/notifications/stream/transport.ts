import type { Writable } from 'node:stream';

/**
 * Can nothing that is written to `output` reach a client any more?
 *
 * Decided by state, because the event may not come: a response of `node:http` that waits behind another one on its
 * connection has no socket yet, and emits no `close` when that connection is reset.
 */
export function isGone(output: Writable): boolean {
  if (output.destroyed || output.closed || output.writableEnded) return true;
  const { req } = output as { req?: { socket?: Partial<Writable> | null } };
  const socket = req?.socket;
  // Node ends its side of a connection whose client has closed its own one.
  return socket?.destroyed === true || socket?.writableEnded === true;
}
