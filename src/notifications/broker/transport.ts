/** A live subscription to a channel, and the way to send on it. */
export interface Link {
  /** Bytes of one message at most. */
  readonly maxBytes: number;
  /** Resolves once the server has taken the message; rejects if it has not. */
  send(message: string): Promise<void>;
}

export interface LinkEvents {
  /** A message of the channel; one's own come back too. */
  onMessage(message: string): void;
  /** The connection has broken; no message will come any more. */
  onLost(error: unknown): void;
}

/**
 * A server that passes messages on, at most once. It never reconnects by itself: `TransportBroker` does, for all alike.
 */
export interface Transport {
  /**
   * Connects and subscribes.
   *
   * @param signal aborted, at any moment: connecting is given up, or the link is; no socket and no timer stays.
   */
  connect(events: LinkEvents, signal: AbortSignal): Promise<Link>;
}
