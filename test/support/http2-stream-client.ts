import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { createParser } from 'eventsource-parser';
import { eventually } from './eventually.js';
import type { ReceivedFrame } from './stream-client.js';

/** A client with any number of event streams over one HTTP/2 connection. */
export class Http2Client {
  private constructor(readonly session: ClientHttp2Session) {}

  static async connect(url: string, ca: string | undefined): Promise<Http2Client> {
    const session = connect(url, { ca });
    await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject));
    session.on('error', () => {});
    // What one stream leaves unread counts against the window of all: with the default of 64 KiB one would stop all.
    session.setLocalWindowSize(8 * 1024 * 1024);
    return new Http2Client(session);
  }

  open(path: string, token: string, headers: Record<string, string> = {}): Http2Stream {
    return new Http2Stream(this.session.request({ ':path': path, authorization: `Bearer ${token}`, ...headers }));
  }

  close(): void {
    this.session.destroy();
  }
}

/** One event stream; it keeps every frame, and can stop reading. */
export class Http2Stream {
  readonly frames: ReceivedFrame[] = [];
  status?: number;
  headers: Record<string, unknown> = {};
  ended = false;

  constructor(private readonly stream: ClientHttp2Stream) {
    const parser = createParser({
      onEvent: ({ event = 'message', id, data }) => this.frames.push({ event, id, data: JSON.parse(data) }),
    });
    stream.setEncoding('utf8');
    stream.on('response', (headers) => {
      this.status = headers[':status'];
      this.headers = headers;
    });
    stream.on('data', (chunk: string) => parser.feed(chunk));
    stream.on('error', () => {});
    stream.on('close', () => {
      this.ended = true;
    });
  }

  of(event: string): ReceivedFrame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  get ids(): number[] {
    return this.of('message').map((frame) => frame.data.id);
  }

  async until(condition: () => boolean): Promise<void> {
    await eventually(
      () => {
        if (!condition()) throw new Error(`Not yet: ${condition}; ${this.frames.length} frames, status ${this.status}`);
      },
      { timeoutMs: 10_000 },
    );
  }

  pause(): this {
    this.stream.pause();
    return this;
  }

  resume(): void {
    this.stream.resume();
  }

  close(): void {
    this.stream.close();
  }
}
