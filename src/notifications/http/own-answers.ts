import type { ServerResponse } from 'node:http';
import { HttpStatus, Injectable, Logger } from '@nestjs/common';
import type { HttpRequest } from '../notifications.options.js';
import { internalError } from './http-exceptions.js';
import { type HttpResponse, rawResponse, streamOf } from './http-message.js';

const IS_OWN = Symbol('nestjs-crm-notifications:isOwn');
/** What Nest writes with the head of an event stream, which it may send before the handler runs. */
const STREAM_BEGINS = '\n';
const OF_ANOTHER_ANSWER = ['ETag', 'Content-Length', 'Content-Encoding', 'Transfer-Encoding'];
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

  /**
   * A JSON answer that is not our handler's becomes a 500; an event stream with events that are not is cut off. Errors pass, and what is made of ours.
   *
   * At the three ways into a response, and without throwing: what comes from a stream would end the process.
   */
  expect(request: HttpRequest, response: HttpResponse, kind: 'json' | 'events'): void {
    const raw = rawResponse(response);
    Object.defineProperty(request, IS_OWN, { value: false, writable: true, configurable: true });
    const passes = (status: unknown = raw.statusCode) =>
      (request as Marked)[IS_OWN] === true || (typeof status === 'number' && status >= 400);
    const end = raw.end.bind(raw);
    let isRefused = false;
    const refuse = () => {
      if (!isRefused) this.refuse(raw, end);
      isRefused = true;
    };
    const events = kind === 'events';
    // Fastify writes the head by itself. Here it stays away, and `end` or `write` sends another one.
    wrap(
      raw,
      'writeHead',
      ([status]) => events || passes(status),
      () => raw,
    );
    wrap(
      raw,
      'write',
      ([chunk]) => passes() || (events && String(chunk) === STREAM_BEGINS),
      () => {
        refuse();
        return true;
      },
    );
    wrap(
      raw,
      'end',
      () => events || passes(),
      () => {
        refuse();
        return raw;
      },
    );
  }

  private refuse(raw: ServerResponse, end: (body: string) => void): void {
    this.log();
    if (raw.headersSent) return void streamOf(raw).destroy();
    for (const name of OF_ANOTHER_ANSWER) raw.removeHeader(name);
    raw.statusCode = HttpStatus.INTERNAL_SERVER_ERROR;
    raw.setHeader('Content-Type', 'application/json; charset=utf-8');
    const message = 'The notifications could not be answered; the log of the server says why.';
    end(JSON.stringify(internalError(message, undefined).getResponse()));
  }

  private log(): void {
    if (Date.now() < this.quietUntil) return;
    this.quietUntil = Date.now() + LOG_INTERVAL_MS;
    this.logger.error(
      'An interceptor of this application answered a request for notifications in place of the handler, as a cache does: it ' +
        'is refused, because it may be what somebody else was answered. Leave the controllers of notifications out there, ' +
        'for example by the metadata of a decorator in controllerDecorators.',
    );
  }
}

/** Our handler runs for this request, or our guard has refused it. */
export function markOwn(request: HttpRequest): void {
  (request as Marked)[IS_OWN] = true;
}

function wrap(
  raw: ServerResponse,
  name: 'writeHead' | 'write' | 'end',
  passes: (args: unknown[]) => boolean,
  otherwise: () => unknown,
): void {
  const original = raw[name] as (...args: unknown[]) => unknown;
  const value = (...args: unknown[]) => (passes(args) ? original.apply(raw, args) : otherwise());
  Object.defineProperty(raw, name, { value, configurable: true, writable: true });
}
