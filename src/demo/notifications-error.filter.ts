import { type ArgumentsHost, Catch, HttpException, HttpStatus } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import { NotificationsError } from '../notifications/index.js';

/** What the library refuses is the caller's fault; what it can't do now may work later. */
@Catch(NotificationsError)
export class NotificationsErrorFilter extends BaseExceptionFilter {
  override catch(error: NotificationsError, host: ArgumentsHost): void {
    if (error.code === 'INVALID_ARGUMENT') {
      super.catch(httpException(HttpStatus.BAD_REQUEST, 'Bad Request', error.message, error), host);
    } else if (error.code === 'DATABASE_UNAVAILABLE' || error.code === 'CLOSED') {
      const message = 'The CRM is unavailable for the moment. Try again.';
      super.catch(httpException(HttpStatus.SERVICE_UNAVAILABLE, 'Service Unavailable', message, error), host);
    } else {
      super.catch(error, host);
    }
  }
}

function httpException(statusCode: HttpStatus, error: string, message: string, cause: unknown): HttpException {
  return new HttpException({ statusCode, error, message }, statusCode, { cause });
}
