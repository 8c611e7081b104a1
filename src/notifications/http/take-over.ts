import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

/** What Nest sends at the head of an `@Sse()` response, whose place this takes; and the empty line that it begins with. */
const HEADERS = {
  'Content-Type': 'text/event-stream',
  Connection: 'keep-alive',
  'Cache-Control': 'private, no-cache, no-store, must-revalidate, max-age=0, no-transform',
  Pragma: 'no-cache',
  Expires: '0',
  'X-Accel-Buffering': 'no',
};
const PREAMBLE = '\n';
const PREAMBLE_CHUNK = `1\r\n${PREAMBLE}\r\n`;

/** What a socket of `node:net` stands on: libuv's handle, which whoever reads from the connection has. */
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
    !socket.destroyed &&
    socket.writableLength === 0
  );
}

/**
 * Sends the head of an event stream, and takes the connection from Node's HTTP server: what stays is a socket. Parser,
 * request, response and all that Express and Nest hold on to as long as a response lasts are garbage from then on; they
 * are three quarters of what a stream costs.
 *
 * The handle moves to a new socket, as when Node passes a connection to another process. The server is left with a
 * response that has ended and a connection that has closed, and tidies up after both as it always does.
 *
 * @returns the socket that the body is to be written to, in chunks if `isChunked`; undefined if the client isn't reading.
 */
export function takeOver(response: ServerResponse): { socket: Socket; isChunked: boolean } | undefined {
  const old = response.socket as Socket;
  old.cork();
  response.writeHead(200, HEADERS);
  response.flushHeaders();
  const isChunked = response.chunkedEncoding;
  old.write(isChunked ? PREAMBLE_CHUNK : PREAMBLE, 'latin1');
  old.uncork();
  if (old.writableLength > 0) {
    // Not even a head goes out: the client leaves the answer to an earlier request unread.
    old.destroy();
    return undefined;
  }
  // A listener to data makes the parser let go of the handle.
  old.on('data', ignore);
  const handle = (old as unknown as Handled)._handle;
  (old as unknown as Handled)._handle = null;
  const socket = new Socket({ handle } as object);
  socket.on('error', ignore);
  // Nothing more is expected of the client; but only who reads learns that it has left.
  socket.resume();
  socket.setKeepAlive(true);
  // What ends the response must not end the stream.
  old.write = discard as typeof old.write;
  response.once('close', () => old.destroy());
  response.end();
  return { socket, isChunked };
}

function ignore(): void {}

function discard(...given: unknown[]): boolean {
  const done = given.at(-1);
  if (typeof done === 'function') process.nextTick(done);
  return true;
}
