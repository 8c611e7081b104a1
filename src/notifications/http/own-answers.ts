import type { ServerResponse } from 'node:http';
import { Injectable, Logger } from '@nestjs/common';
import type { HttpRequest } from '../notifications.options.js';
import { internalError } from './http-exceptions.js';
import { type HttpResponse, rawResponse } from './http-message.js';

const IS_OWN = Symbol('nestjs-crm-notifications:isOwn');
/** What Nest writes with the head of an event stream, which it may send before the handler runs. */
const STREAM_BEGINS = '\n';
const LOG_INTERVAL_MS = 30_000;

type Marked = { [IS_OWN]?: boolean };

/**
 * Refuses answers that our handler has not given to the very request: an interceptor of the host, such as a cache that goes
 * by the URL, would serve one recipient what another one was answered. Guards call it, because they run before interceptors.
 */
@Injectable()
export class OwnAnswers {
  private readonly logger = new Logger('NotificationsHttp');
  private quietUntil = 0;

  /** A JSON answer that is not our handler's becomes a 500. */
  expectAnswer(request: HttpRequest, response: HttpResponse): void {
    const raw = rawResponse(response);
    const isOwn = expect(request);
    this.before(raw, 'writeHead', (status) => {
      if ((typeof status === 'number' ? status : raw.statusCode) >= 400 || isOwn()) return true;
      raw.removeHeader('ETag');
      throw internalError('The notifications could not be answered; the log of the server says why.', this.refuse());
    });
  }

  /** An event stream whose events are not our handler's is cut off: its head may have been sent before. */
  expectEvents(request: HttpRequest, response: HttpResponse): void {
    const raw: ServerResponse & { stream?: { destroy(): void } } = rawResponse(response);
    const isOwn = expect(request);
    this.before(raw, 'write', (chunk) => {
      if (String(chunk) === STREAM_BEGINS || raw.statusCode >= 400 || isOwn()) return true;
      this.refuse();
      // The response of `node:http2` is no stream itself.
      (raw.stream ?? raw).destroy();
      return false;
    });
  }

  /** @param passes whether a call with this first argument may go on. */
  private before(raw: ServerResponse, name: 'write' | 'writeHead', passes: (first: unknown) => boolean): void {
    const original = raw[name] as (...args: unknown[]) => unknown;
    Object.defineProperty(raw, name, {
      value: (...args: unknown[]) => (passes(args[0]) ? original.apply(raw, args) : false),
      configurable: true,
      writable: true,
    });
  }

  private refuse(): Error {
    const problem = 'An interceptor of this application answered a request for notifications in place of the handler';
    if (Date.now() >= this.quietUntil) {
      this.quietUntil = Date.now() + LOG_INTERVAL_MS;
      this.logger.error(
        `${problem}, as a cache does: it is refused, because it may be what somebody else was answered. Leave the ` +
          'controllers of notifications out there, for example by the metadata of a decorator in controllerDecorators.',
      );
    }
    return new Error(problem);
  }
}

function expect(request: HttpRequest): () => boolean {
  Object.defineProperty(request, IS_OWN, { value: false, writable: true, configurable: true });
  return () => (request as Marked)[IS_OWN] === true;
}

/** Our handler has been asked by this request. */
export function markOwn(request: HttpRequest): void {
  (request as Marked)[IS_OWN] = true;
}
