import type { Socket } from 'node:net';
import type { ConnectionOptions } from './connection.js';
import { encodeFrames, type Frame } from './frame.js';

/** The end of a body in chunks: RFC 9112, 7.1. */
const LAST_CHUNK = '0\r\n\r\n';

/** What is known of a client when its stream is opened. */
export type StreamStart = Pick<ConnectionOptions, 'lastEventId' | 'expiresAt' | 'validFrom'>;

/** An event stream on a socket of its own: the body of an HTTP/1.1 response whose head has been sent. */
export class SocketStream implements ConnectionOptions {
  readonly lastEventId?: string;
  readonly expiresAt?: Date;
  readonly validFrom?: number;

  /** @param isChunked as the head says; otherwise the body ends with the connection, as for HTTP/1.0. */
  constructor(
    readonly output: Socket,
    private readonly isChunked: boolean,
    { lastEventId, expiresAt, validFrom }: StreamStart,
  ) {
    this.lastEventId = lastEventId;
    this.expiresAt = expiresAt;
    this.validFrom = validFrom;
  }

  get isDirect(): boolean {
    return true;
  }

  next(frames: readonly Frame[]): void {
    const text = encodeFrames(frames);
    this.output.write(this.isChunked ? `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n` : text);
  }

  complete(): void {
    this.output.end(this.isChunked ? LAST_CHUNK : '');
  }
}
