import { Inject, Injectable, Logger } from '@nestjs/common';
import type { HttpRequest, ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { answerWithError, keepAnswerSafe } from './answer-response.js';
import { type Method, putOver, type Report } from './host-response.js';
import { type HttpResponse, rawResponse, streamOf } from './http-message.js';
import { describeWithoutCredentials } from './redact.js';
import { keepStreamWhole } from './stream-response.js';

const IS_OWN = Symbol('nestjs-crm-notifications:isOwn');
/** What Nest writes with the head of an event stream, which it may send before the handler runs. */
const STREAM_BEGINS = '\n';
const LOG_INTERVAL_MS = 30_000;

type Marked = { [IS_OWN]?: boolean };

/**
 * Sees to it that what a client gets is what our handler has answered to the very request. Guards call it, because they run
 * after middleware and before interceptors.
 */
@Injectable()
export class OwnAnswers {
  private readonly logger = new Logger('NotificationsHttp');
  private readonly quietUntil = new Map<string, number>();

  constructor(@Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions) {}

  /**
   * Middleware that ends a response late, never or with an error takes nothing from it. An interceptor of the host, such as a
   * cache that goes by the URL, would serve one recipient what another one was answered: a JSON answer that is not our
   * handler's becomes a 500; an event stream with events that are not is cut off. Errors pass, and what is made of ours.
   *
   * At the ways into a response, and without throwing: what comes from a stream would end the process.
   */
  expect(request: HttpRequest, response: HttpResponse, kind: 'json' | 'events'): void {
    const raw = rawResponse(response);
    const events = kind === 'events';
    const report: Report = (error, isLost) => this.logMiddleware(error, isLost, request);
    if (events) keepStreamWhole(raw, report, this.options);
    else keepAnswerSafe(raw, report);

    Object.defineProperty(request, IS_OWN, { value: false, writable: true, configurable: true });
    const passes = (status: unknown = raw.statusCode) =>
      (request as Marked)[IS_OWN] === true || (typeof status === 'number' && status >= 400);
    let isRefused = false;
    const refuse = () => {
      if (isRefused) return;
      isRefused = true;
      this.logInterceptor();
      if (raw.headersSent) streamOf(raw).destroy();
      else answerWithError(raw);
    };
    const refuseUnless = (name: Method, isOurs: (first: unknown) => boolean, otherwise: () => unknown) => {
      putOver(
        raw,
        name,
        (original) =>
          (...args) =>
            isOurs(args[0]) ? original(...args) : otherwise(),
      );
    };
    // Fastify writes the head by itself. Here it stays away, and `end` or `write` sends another one.
    refuseUnless(
      'writeHead',
      (status) => events || passes(status),
      () => raw,
    );
    refuseUnless(
      'write',
      (chunk) => passes() || (events && String(chunk) === STREAM_BEGINS),
      () => {
        refuse();
        return true;
      },
    );
    refuseUnless(
      'end',
      () => events || passes(),
      () => {
        refuse();
        return raw;
      },
    );
  }

  private logMiddleware(error: unknown, isLost: boolean, request: HttpRequest): void {
    // It has sent the head twice, which does no harm to a response that goes on.
    const isHarmless = !isLost && (error as { code?: unknown } | null)?.code === 'ERR_HTTP_HEADERS_SENT';
    if (isHarmless || !this.isDue('middleware')) return;
    this.logger.error(
      'Middleware of this application failed while a response to a request for notifications was sent through it. ' +
        describeWithoutCredentials(error, request),
    );
  }

  private logInterceptor(): void {
    if (!this.isDue('interceptor')) return;
    this.logger.error(
      'An interceptor of this application answered a request for notifications in place of the handler, as a cache does: it ' +
        'is refused, because it may be what somebody else was answered. Leave the controllers of notifications out there, ' +
        'for example by the metadata of a decorator in controllerDecorators.',
    );
  }

  private isDue(what: string): boolean {
    const now = Date.now();
    if (now < (this.quietUntil.get(what) ?? 0)) return false;
    this.quietUntil.set(what, now + LOG_INTERVAL_MS);
    return true;
  }
}

/** Our handler runs for this request, or our guard has refused it. */
export function markOwn(request: HttpRequest): void {
  (request as Marked)[IS_OWN] = true;
}
