import {
  type CallHandler,
  type ExecutionContext,
  HttpStatus,
  Injectable,
  Logger,
  type NestInterceptor,
} from '@nestjs/common';
import { catchError, map, type Observable, throwError } from 'rxjs';
import { NotificationsError } from '../notifications.error.js';
import type { HttpRequest } from '../notifications.options.js';
import { describeError, oneLine } from '../one-line.js';
import { badRequest, internalError, isHttpException, serviceUnavailable, tooManyRequests } from './http-exceptions.js';
import { type HttpResponse, rawResponse } from './http-message.js';
import { JsonAnswer } from './json-answer.js';
import { markOwn } from './own-answers.js';

/** Seconds that a client is asked to wait after a 429 or a 503. */
const RETRY_AFTER_S = '5';
/** The same, where it has waited already: for the turn of a question. */
const RETRY_QUESTION_AFTER_S = '2';

const logger = new Logger('NotificationsHttp');

/**
 * The HttpException that a NotificationsError means, so that a host's exception filters see nothing unusual. Everything
 * else passes unchanged.
 */
function toHttpException(error: unknown): unknown {
  if (!(error instanceof NotificationsError)) return error;
  switch (error.code) {
    case 'INVALID_ARGUMENT':
      return badRequest(error.message, error);
    case 'TOO_MANY_STREAMS_OF_RECIPIENT':
    case 'TOO_MANY_REQUESTS':
      return tooManyRequests(error.message, error);
    case 'TOO_MANY_STREAMS':
    case 'INBOX_BUSY':
    case 'OVERLOADED':
    case 'DEADLINE_EXCEEDED':
    case 'CLOSED':
      return serviceUnavailable(error.message, error);
    case 'DATABASE_UNAVAILABLE':
      // Its own message names hosts and ports.
      return serviceUnavailable('Notifications are unavailable for the moment. Try again.', error);
    default:
      // Nest logs no HttpException: without this line nobody would learn of it.
      logger.error(oneLine(`${error.code}: ${error.message}`), describeError(error));
      return internalError('The notifications failed; the log of the server says why.', error);
  }
}

/** {@link toHttpException}, with the headers that belong to the status already on the response. */
export function refusal(error: unknown, response: HttpResponse): unknown {
  const exception = toHttpException(error);
  const status = isHttpException(exception) ? exception.getStatus() : undefined;
  // RFC 9110, 11.6.1: a 401 names the scheme.
  if (status === HttpStatus.UNAUTHORIZED) rawResponse(response).setHeader('WWW-Authenticate', 'Bearer');
  if (status === HttpStatus.SERVICE_UNAVAILABLE || status === HttpStatus.TOO_MANY_REQUESTS) {
    const isQuestion = error instanceof NotificationsError && error.code === 'TOO_MANY_REQUESTS';
    rawResponse(response).setHeader('Retry-After', isQuestion ? RETRY_QUESTION_AFTER_S : RETRY_AFTER_S);
  }
  return exception;
}

/** What the handlers that answer JSON give and throw, as it leaves the innermost of all interceptors. */
@Injectable()
export class HttpAnswers implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<object>): Observable<JsonAnswer> {
    const http = context.switchToHttp();
    const response = http.getResponse<HttpResponse>();
    markOwn(http.getRequest<HttpRequest>());
    return next.handle().pipe(
      map((body) => new JsonAnswer(body)),
      catchError((error: unknown) => throwError(() => refusal(error, response))),
    );
  }
}
