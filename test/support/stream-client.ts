import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { createParser, type EventSourceMessage } from 'eventsource-parser';

/** A frame as a client sees it, with its JSON parsed. */
export interface ReceivedFrame {
  event: string;
  id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: the tests know what they expect
  data: any;
}

/** A client that keeps every frame, and can stop reading its socket. */
export class StreamClient {
  readonly frames: ReceivedFrame[] = [];
  /** The reconnection time that the server told, in milliseconds. */
  retry?: number;
  status?: number;
  headers: IncomingMessage['headers'] = {};
  /** The body of an answer that isn't an event stream. */
  body = '';
  ended = false;
  private readonly request: ClientRequest;
  private response?: IncomingMessage;
  private wakeUps = new Set<() => void>();

  constructor(url: string, options: { headers?: Record<string, string>; paused?: boolean } = {}) {
    const parser = createParser({
      onEvent: (event) => this.onEvent(event),
      onRetry: (retry) => {
        this.retry = retry;
      },
    });
    this.request = get(url, { headers: options.headers, agent: false }, (response) => {
      this.response = response;
      this.status = response.statusCode;
      this.headers = response.headers;
      response.setEncoding('utf8');
      const isStream = response.headers['content-type']?.startsWith('text/event-stream');
      response.on('data', (chunk: string) => {
        if (isStream) parser.feed(chunk);
        else this.body += chunk;
      });
      response.on('close', () => this.onEnd());
      if (options.paused) response.pause();
      this.wake();
    });
    this.request.on('error', () => this.onEnd());
  }

  /** Opens a stream of a recipient and resolves when it is ready. */
  static async open(
    url: string,
    token: string,
    options: { lastEventId?: string | number; path?: string; paused?: boolean } = {},
  ): Promise<StreamClient> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (options.lastEventId !== undefined) headers['last-event-id'] = String(options.lastEventId);
    const client = new StreamClient(`${url}${options.path ?? '/notifications'}/stream`, {
      headers,
      paused: options.paused,
    });
    if (options.paused) await client.until(() => client.status !== undefined);
    else await client.until(() => client.of('ready').length > 0 || client.ended);
    return client;
  }

  of(event: string): ReceivedFrame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  /** The ids of the notifications received, in their order. */
  get ids(): number[] {
    return this.of('message').map((frame) => frame.data.id);
  }

  /** The last event ID, as an EventSource would send it on reconnecting. */
  get lastEventId(): string | undefined {
    return this.frames.findLast((frame) => frame.id !== undefined)?.id;
  }

  /** Resolves as soon as the condition holds; looks again at each frame. */
  async until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`Not within ${timeoutMs} ms: ${condition}. Frames: ${this.summary()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.wakeUps.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  pause(): void {
    this.response?.pause();
  }

  resume(): void {
    this.response?.resume();
  }

  /** Leaves without a word. */
  close(): void {
    this.request.destroy();
  }

  private onEvent({ event = 'message', id, data }: EventSourceMessage): void {
    this.frames.push({ event, id, data: JSON.parse(data) });
    this.wake();
  }

  private onEnd(): void {
    this.ended = true;
    this.wake();
  }

  private wake(): void {
    const wakeUps = this.wakeUps;
    this.wakeUps = new Set();
    for (const wakeUp of wakeUps) wakeUp();
  }

  private summary(): string {
    const last = this.frames.slice(-5).map(({ event, id }) => `${event}#${id}`);
    return `${this.frames.length} (… ${last.join(', ')}), status ${this.status} ${this.body.slice(0, 200)}`;
  }
}
