import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { ignoreError } from './host-response.js';

/**
 * What Nest sends at the head of an `@Sse()` response, whose place this takes, but for `Connection`: no HTTP server reads
 * another request from a connection that was taken over. An agent that was promised one would send it, and get ECONNRESET.
 */
export const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream',
  Connection: 'close',
  'Cache-Control': 'private, no-cache, no-store, must-revalidate, max-age=0, no-transform',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Accel-Buffering': 'no',
};

/** libuv's handle; the socket that has it reads the connection. */
type Handled = { _handle: object | null };

/**
 * Can the connection be taken from Node's HTTP server? Not with HTTP/2 or TLS, not while the answer to an earlier request on
 * it is still being sent, and not where sockets are others than Node's.
 */
export function canTakeOver(request: Partial<IncomingMessage>, response: ServerResponse): boolean {
  const { socket } = response;
  return (
    request.httpVersionMajor === 1 &&
    !response.headersSent &&
    socket !== null &&
    Object.getPrototypeOf(socket) === Socket.prototype &&
    Boolean((socket as unknown as Handled)._handle) &&
    socket.writable &&
    socket.writableLength === 0
  );
}

/** A connection taken from Node's HTTP server, on which nothing of the response has been written yet. */
export interface Taken {
  socket: Socket;
  /** The response's head, as Node writes it. */
  head: string;
  /** The head says that the body comes in chunks. */
  isChunked: boolean;
}

/**
 * Takes the connection of an event stream from Node's HTTP server: what stays is a socket. Parser, request, response and
 * all that Express and Nest hold on to as long as a response lasts are garbage from then on; they are most of what a
 * stream costs.
 *
 * The handle moves to a new socket, as when Node passes a connection to another process. The server is left with a
 * response that has ended and a connection that has closed, and tidies up after both as it always does.
 *
 * @returns undefined where middleware of the host holds the head back: then the response has to wait for it.
 */
export function takeOver(response: ServerResponse): Taken | undefined {
  const old = response.socket as Socket;
  const { write } = old;
  let head = '';
  old.write = writeInto((text) => {
    head += text;
  });
  try {
    response.writeHead(response.statusCode, STREAM_HEADERS);
    if (!response.headersSent) {
      old.write = write;
      return undefined;
    }
    response.flushHeaders();
  } catch (error) {
    // A host's own writeHead() may throw, and then its exception filter answers.
    old.write = write;
    throw error;
  }
  const isChunked = response.chunkedEncoding;
  // What ends the response must not end the stream.
  old.write = writeInto(discard);
  // A listener to data makes the parser let go of the handle.
  old.on('data', discard);
  const handle = (old as unknown as Handled)._handle;
  (old as unknown as Handled)._handle = null;
  const socket = new Socket({ handle } as object);
  socket.on('error', ignoreError);
  // Nothing more is expected of the client; but only who reads learns that it has left.
  socket.resume();
  // What is pipelined behind the stream never gets a socket: Node closes a connection after its last response.
  (response as ServerResponse & { _last: boolean })._last = true;
  response.once('close', () => old.destroy());
  response.end();
  return { socket, head, isChunked };
}

function discard(): void {}

/** A `write()` of a socket, by which nothing goes out. */
function writeInto(take: (text: string) => void): Socket['write'] {
  return (data: unknown, ...rest: unknown[]): boolean => {
    take(typeof data === 'string' ? data : Buffer.from(data as Uint8Array).toString('latin1'));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
}
