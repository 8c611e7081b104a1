import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  HttpStatus,
  InternalServerErrorException,
  ServiceUnavailableException,
} from '@nestjs/common';

/** By its form: `@nestjs/common` may be there twice. */
export function isHttpException(error: unknown): error is HttpException {
  const { getStatus, getResponse } = (error ?? {}) as Partial<HttpException>;
  return typeof getStatus === 'function' && typeof getResponse === 'function';
}

// Each with `{ statusCode, error, message }` as its body. The description is spelt out because Nest 11 otherwise leaves
// `error` out where a cause is given.

export function badRequest(message: string, cause: unknown): HttpException {
  return new BadRequestException(message, { cause, description: 'Bad Request' });
}

export function forbidden(message: string): HttpException {
  return new ForbiddenException(message);
}

export function tooManyRequests(message: string, cause: unknown): HttpException {
  const status = HttpStatus.TOO_MANY_REQUESTS;
  return new HttpException(HttpException.createBody(message, 'Too Many Requests', status), status, { cause });
}

export function internalError(message: string, cause: unknown): HttpException {
  return new InternalServerErrorException(message, { cause, description: 'Internal Server Error' });
}

export function serviceUnavailable(message: string, cause: unknown): HttpException {
  return new ServiceUnavailableException(message, { cause, description: 'Service Unavailable' });
}
