import { type CanActivate, type ExecutionContext, Inject, Injectable, Logger, type MessageEvent } from '@nestjs/common';
import { ignoreElements, type Observable, timer } from 'rxjs';
import { keyOf } from '../arguments.js';
import { NotificationService } from '../notification.service.js';
import type { HttpRequest, ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { refusal } from './http-errors.js';
import { internalError, isHttpException } from './http-exceptions.js';
import { type HttpResponse, rawResponse } from './http-message.js';
import { identityOf, inboxOf } from './identity.js';
import { markOwn } from './own-answers.js';
import { describeWithoutCredentials } from './redact.js';
import { parseLastEventId } from './requests.js';
import { type Open, SocketStreams } from './socket-streams.js';
import { streamHeadersOf } from './stream-headers.js';
import { canTakeOver } from './take-over.js';

const OPEN = Symbol('nestjs-crm-notifications:open');

/**
 * What HEAD gets: Express and Fastify answer it with the handler of GET, and it must take no place among the streams.
 * Ends only after Nest has sent the headers, a macrotask after subscribing: Nest 11 sends none for what ends before.
 */
const NO_EVENTS: Observable<MessageEvent> = timer(10).pipe(ignoreElements());

/**
 * Opens the stream before the handler runs: a guard is the last to refuse with a status. Where the host has an
 * interceptor, such as an access log, what the handler throws may come after the headers, and would be an event `error`
 * of a stream with status 200.
 */
@Injectable()
export class StreamOpener implements CanActivate {
  private readonly logger = new Logger('NotificationsStream');

  constructor(
    @Inject(NotificationService) private readonly notifications: NotificationService,
    @Inject(SocketStreams) private readonly sockets: SocketStreams,
    @Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  canActivate(context: ExecutionContext): true {
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const response = http.getResponse<HttpResponse>();
    try {
      const raw = rawResponse(response);
      const headers = this.headers(request);
      const open = request.method === 'HEAD' ? () => NO_EVENTS : this.open(request, response);
      for (const [name, value] of headers) raw.setHeader(name, value);
      Object.defineProperty(request, OPEN, { value: open, configurable: true });
      return true;
    } catch (error) {
      markOwn(request);
      throw refusal(error, response);
    }
  }

  private open(request: HttpRequest, response: HttpResponse): Open {
    const identity = identityOf(request);
    const recipient = inboxOf(identity);
    const { expiresAt, validFrom } = identity;
    const start = { lastEventId: parseLastEventId(request), expiresAt, validFrom };
    const raw = rawResponse(response);
    const events = () => this.notifications.stream(recipient, { ...start, response: raw });
    // Fastify's reply sees to the end of its response by itself.
    const isExpress = raw === response;
    if (this.options.streamWriter === 'socket' && isExpress && canTakeOver(request, raw)) {
      return this.sockets.reserve(keyOf(recipient), start, { request, response, otherwise: events });
    }
    const opened = events();
    return () => opened;
  }

  private headers(request: HttpRequest): [name: string, value: string][] {
    try {
      return streamHeadersOf(this.options.streamHeaders, request);
    } catch (error) {
      if (isHttpException(error)) throw error;
      this.logger.error(`streamHeaders failed, the stream gets 500. ${describeWithoutCredentials(error, request)}`);
      throw internalError('The stream could not be opened; the log of the server says why.', error);
    }
  }
}

/** The stream that {@link StreamOpener} has a place for; nothing where it goes to the socket itself. */
export function openStream(request: HttpRequest): Observable<MessageEvent> {
  markOwn(request);
  return (request as unknown as { [OPEN]: Open })[OPEN]();
}
