import type { Change, InboxNumbers } from '../notification.js';

/**
 * One event of a stream, as Nest's `MessageEvent` has it: docs/wire-format.md. `id` is never missing, because Nest
 * would make one up, and the client would send that as its Last-Event-ID.
 */
export interface Frame {
  /** The event type; without it, the client's default `message`. */
  type?: 'ready' | 'state' | 'signal' | 'reset' | 'ping' | 'close';
  /** The last inbox id that this connection has been given; before `ready` the cursor that it came with. */
  id: string;
  /** One line of JSON. */
  data: string;
  /** The reconnection time in milliseconds. */
  retry?: number;
}

/** Why the server ends a stream; after `expired` and `revoked` there is no point in coming back with the same credentials. */
export type CloseReason = 'expired' | 'revoked' | 'shutdown' | 'slow' | 'age';

/** The reconnection time is in the data, too: an EventSource keeps the `retry:` field to itself. */
export function readyFrame(id: number, numbers: InboxNumbers, heartbeatMs: number, retryMs: number): Frame {
  const data = JSON.stringify({ ...pick(numbers), heartbeatMs, retryMs });
  return { type: 'ready', id: String(id), data, retry: retryMs };
}

export function stateJson(numbers: InboxNumbers, change?: Change): string {
  return JSON.stringify({ ...pick(numbers), ...change });
}

export function resetFrame(numbers: InboxNumbers): Frame {
  return { type: 'reset', id: String(numbers.lastId), data: JSON.stringify(pick(numbers)) };
}

export function closeFrame(id: string, reason: CloseReason, retry?: number): Frame {
  const reconnect = reason !== 'expired' && reason !== 'revoked';
  return { type: 'close', id, data: JSON.stringify({ reason, reconnect }), retry };
}

/** Frames as they are sent, field by field in the order in which Nest sends them. */
export function encodeFrames(frames: readonly Frame[]): string {
  let text = '';
  for (const { type, id, retry, data } of frames) {
    const head = type === undefined ? `id: ${id}` : `event: ${type}\nid: ${id}`;
    text += retry === undefined ? `${head}\ndata: ${data}\n\n` : `${head}\nretry: ${retry}\ndata: ${data}\n\n`;
  }
  return text;
}

/** Newer than another if greater: ids tell arrivals, the revision tells changes, and neither ever falls. */
export function versionOf(numbers: InboxNumbers): number {
  return numbers.lastId + numbers.revision;
}

function pick({ lastId, unread, revision }: InboxNumbers): InboxNumbers {
  return { lastId, unread, revision };
}
