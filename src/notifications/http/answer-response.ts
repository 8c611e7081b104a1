import type { ServerResponse } from 'node:http';
import { callNode, forgetBody, ignoreError, putOver, type Report } from './host-response.js';
import { internalError } from './http-exceptions.js';
import { streamOf } from './http-message.js';

/**
 * Sends an answer in one call of `end()`, as `response.json()` of a host's own routes does, though Nest pipes it: so middleware
 * that ends later may still set fields of the head. What middleware throws then is caught, where nothing of Nest would catch it
 * and the process would end. The client gets its answer if that is still possible, otherwise a 500 or no more.
 */
export function keepAnswerSafe(raw: ServerResponse, report: Report): void {
  let body: Buffer[] = [];
  let isOver = false;
  putOver(raw, 'write', () => (chunk, encoding) => {
    if (!isOver) body.push(toBuffer(chunk, encoding));
    return true;
  });
  putOver(raw, 'end', (end) => (...last) => {
    if (isOver) return end(...last);
    isOver = true;
    const [chunk, encoding] = last;
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) body.push(toBuffer(chunk, encoding));
    const args = body.length > 0 ? [Buffer.concat(body), ...last.filter((arg) => typeof arg === 'function')] : last;
    body = [];
    // Middleware may end it once more.
    raw.on('error', ignoreError);
    try {
      return end(...args);
    } catch (error) {
      const isLost = !raw.writableEnded && !endPast(raw, args);
      report(error, isLost);
      return raw;
    }
  });
}

/** Ends an answer past the middleware that has thrown. @returns whether the client gets what it was to get. */
function endPast(raw: ServerResponse, args: unknown[]): boolean {
  if (raw.headersSent) {
    // How much of the body has been written nobody knows.
    streamOf(raw).destroy();
    return false;
  }
  try {
    callNode(raw, 'end', ...args);
    return true;
  } catch {
    // The head goes through middleware, too.
    answerWithError(raw);
    return false;
  }
}

function toBuffer(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk !== 'string') return Buffer.from(chunk as Uint8Array);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/** Answers 500 past all middleware. The head must not have been sent. */
export function answerWithError(raw: ServerResponse): void {
  forgetBody(raw);
  const message = 'The notifications could not be answered; the log of the server says why.';
  const error = internalError(message, undefined);
  callNode(raw, 'setHeader', 'Content-Type', 'application/json; charset=utf-8');
  callNode(raw, 'writeHead', error.getStatus());
  callNode(raw, 'end', JSON.stringify(error.getResponse()));
}
