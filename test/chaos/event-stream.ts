import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { IDENTITY_HEADER } from './instance/protocol.js';

/** How long a client waits for an instance that says nothing at all: longer than between two pings. */
const SILENCE_MS = 10_000;

export interface StreamEvents {
  onFrame(frame: { event: string; id: string | undefined; data: string }): void;
  /** Called once, however it ended. */
  onEnd(status: number | undefined): void;
}

/** One connection of a client, as EventSource would hold it; it can stop reading. */
export class EventStream {
  private readonly request: ClientRequest;
  private response?: IncomingMessage;
  private paused = false;
  private ended = false;

  constructor(
    url: string,
    identity: string,
    lastEventId: string | undefined,
    private readonly events: StreamEvents,
  ) {
    const parser = createParser({
      onEvent: ({ event = 'message', id, data }: EventSourceMessage) => {
        if (!this.ended) events.onFrame({ event, id, data });
      },
    });
    const headers: Record<string, string> = { [IDENTITY_HEADER]: identity };
    if (lastEventId !== undefined) headers['last-event-id'] = lastEventId;
    this.request = get(`${url}/notifications/stream`, { headers, agent: false }, (response) => {
      this.response = response;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => parser.feed(chunk));
      response.on('close', () => this.end());
      if (this.paused) response.pause();
    });
    this.request.setTimeout(SILENCE_MS, () => this.paused || this.close());
    this.request.on('error', () => this.end());
  }

  pause(): void {
    this.paused = true;
    this.response?.pause();
  }

  resume(): void {
    this.paused = false;
    this.response?.resume();
  }

  /** Leaves without a word. Nothing is told of what has not been read by then. */
  close(): void {
    this.end();
    this.request.destroy();
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.events.onEnd(this.response?.statusCode);
  }
}
