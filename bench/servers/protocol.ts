/** How a server's clients speak with it. `socket.io` is Engine.IO 4 over a WebSocket. */
export type Protocol = 'sse' | 'websocket' | 'socket.io';

/** What a server that is measured tells first, over IPC. */
export interface Listening {
  port: number;
  protocol: Protocol;
  /** Where a client connects, before the number of its recipient. @default '/stream?user=' */
  path?: string;
  /** The process to measure, where it is not the one that speaks. */
  pid?: number;
  /** What an event stream says once it is live; without it, that is the first byte of its body. */
  liveMark?: string;
}

/** What it is asked, one thing at a time; it answers when that is done. */
export type Request =
  /** `messages` at a steady rate, the first to recipient `first`, the next to the one after it, around `recipients`. */
  | ({ do: 'targeted' } & Targeted)
  /** `messages` to everybody, at a steady rate. */
  | { do: 'broadcast'; messages: number; perSecond: number }
  /** `messages` to each of recipients 0 to `recipients` - 1 at a steady rate; beside it, targeted ones as above. */
  | { do: 'offer'; messages: number; perSecond: number; recipients: number; padding: number; beside: Targeted }
  /** To collect its garbage. */
  | { do: 'collect' }
  | { do: 'connections' };

export interface Targeted {
  messages: number;
  perSecond: number;
  recipients: number;
  first?: number;
}

export type Answer = { done: true } | { connections: number } | { failed: string };

/** What travels. */
export interface Message {
  /**
   * `#to,n,at#`: the recipient, or -1 where everybody is meant; 1, 2, 3 … of that recipient, or of those to everybody;
   * and when it was sent, in microseconds of the machine's monotonic clock, which all processes share.
   */
  mark: string;
  title: string;
  url: string;
  padding?: string;
}

export function monotonicUs(): number {
  return Math.round(Number(process.hrtime.bigint()) / 1e3);
}
