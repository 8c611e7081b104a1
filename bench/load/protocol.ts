import type { Protocol } from '../servers/protocol.js';

/** What the load client is asked, one thing at a time. */
export type LoadRequest =
  | ({ do: 'connect' } & Connect)
  /** Waits until so many marked messages have come since the last `expect`, and no more; then answers what it saw. */
  | { do: 'expect'; messages: number; timeoutMs: number }
  /** Connections `first` to `first + count - 1` stop reading, or read again. */
  | { do: 'pause' | 'resume'; first: number; count: number }
  /** The last event ID of each connection, in the order in which they were opened. */
  | { do: 'lastEventIds' }
  /** All connections are reset at once. What each recipient expects next stays. */
  | { do: 'disconnect' };

export interface Connect {
  port: number;
  protocol: Protocol;
  /** One a connection; its recipient is its index plus `first`. */
  paths: string[];
  first?: number;
  /** How many may be connecting at once. */
  underWay: number;
  liveMark?: string;
  lastEventIds?: (string | null)[];
}

export interface Connected {
  /** From the first to the last, in milliseconds. */
  ms: number;
}

export interface Seen {
  messages: number;
  /** From when a message was sent until its bytes were read, in milliseconds. */
  p50: number;
  p99: number;
  max: number;
}

export type LoadAnswer =
  | Connected
  | Seen
  | { lastEventIds: (string | null)[] }
  | { done: true }
  /** An event was lost, doubled or misrouted, or a frame is broken. */
  | { failed: string };
