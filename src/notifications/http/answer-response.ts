import type { ServerResponse } from 'node:http';
import { callNode, forgetBody, putOver, type Report } from './host-response.js';
import { internalError } from './http-exceptions.js';
import { streamOf } from './http-message.js';

/**
 * Catches what middleware throws while an answer is sent: answers are piped into the response, where nothing of Nest would catch
 * it, and the process would end. The client gets its answer if that is still possible, otherwise a 500 or no more.
 */
export function keepAnswerSafe(raw: ServerResponse, report: Report): void {
  let isOver = false;
  const giveUp = (error: unknown) => {
    isOver = true;
    report(error, true);
    if (raw.headersSent) streamOf(raw).destroy();
    else answerWithError(raw);
  };
  putOver(raw, 'write', (write) => (...chunk) => {
    if (isOver) return true;
    try {
      return write(...chunk);
    } catch (error) {
      giveUp(error);
      return true;
    }
  });
  putOver(raw, 'end', (end) => (...chunk) => {
    if (isOver) return raw;
    const isMade = raw.headersSent;
    try {
      return end(...chunk);
    } catch (error) {
      // All has been written but the end.
      if (isMade && typeof chunk[0] !== 'string' && !(chunk[0] instanceof Uint8Array)) {
        report(error, false);
        callNode(raw, 'end');
      } else if (!raw.writableEnded) {
        giveUp(error);
      }
      return raw;
    }
  });
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
