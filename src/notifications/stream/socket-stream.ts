import type { Socket } from 'node:net';
import type { ConnectionOptions } from './connection.js';
import { encodeFrames, type Frame } from './frame.js';

/** The end of a body in chunks: RFC 9112, 7.1. */
const LAST_CHUNK = '0\r\n\r\n';
/** How long the head of the response waits for the first frame, with which it leaves in one write. */
const HEAD_WAITS_MS = 50;

/** What is known of a client when its stream is opened. */
export type StreamStart = Pick<ConnectionOptions, 'lastEventId' | 'expiresAt' | 'validFrom'>;

/** An event stream on a socket of its own: an HTTP/1.1 response whose head is not written yet. */
export class SocketStream implements ConnectionOptions {
  readonly lastEventId?: string;
  readonly expiresAt?: Date;
  readonly validFrom?: number;
  /** Not written yet. */
  private head: string;
  private headTimer?: NodeJS.Timeout;
  /** Frames that are not written yet. */
  private waiting = '';

  /**
   * @param head of the response, and the empty line that its body begins with.
   * @param isChunked as the head says; otherwise the body ends with the connection, as for HTTP/1.0.
   */
  constructor(
    readonly output: Socket,
    head: string,
    private readonly isChunked: boolean,
    { lastEventId, expiresAt, validFrom }: StreamStart,
  ) {
    this.lastEventId = lastEventId;
    this.expiresAt = expiresAt;
    this.validFrom = validFrom;
    this.head = head + this.chunk('\n');
    // Two writes would wake both sides twice. But the stream is open, however long Postgres takes.
    this.headTimer = setTimeout(() => this.output.write(this.take()), HEAD_WAITS_MS);
    this.headTimer.unref();
  }

  next(frames: readonly Frame[]): void {
    this.waiting += encodeFrames(frames);
  }

  flush(): void {
    if (this.waiting !== '') this.output.write(this.take());
  }

  complete(): void {
    this.output.end(this.take() + (this.isChunked ? LAST_CHUNK : ''));
    // As Node's HTTP server does it: a client that leaves its half open would keep its place, and hold a shutdown up.
    this.output.destroySoon();
  }

  /** The client has left. */
  close(): void {
    this.take();
  }

  /** What is to be written, which is then somebody else's. */
  private take(): string {
    const { waiting } = this;
    this.waiting = '';
    return this.takeHead() + (waiting === '' ? '' : this.chunk(waiting));
  }

  private takeHead(): string {
    const { head } = this;
    if (this.headTimer) {
      clearTimeout(this.headTimer);
      this.headTimer = undefined;
      this.head = '';
    }
    return head;
  }

  private chunk(text: string): string {
    return this.isChunked ? `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n` : text;
  }
}
