import { type HttpException, Inject, Injectable, Logger } from '@nestjs/common';
import { NotificationsError } from '../notifications.error.js';
import type { HttpRequest, Identity, ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { internalError, isHttpException } from './http-exceptions.js';
import { checkIdentity, isOver } from './identity.js';
import { JwtVerifier } from './jwt-verifier.js';
import { describeWithoutCredentials } from './redact.js';
import { withTokenAlone } from './token-request.js';

/** RFC 6750, 2.1; the scheme's name is case-insensitive. */
const BEARER = /^Bearer +([\w.~+/-]+=*) *$/i;

/** Tells who makes a request: by the host's `authenticate`, or by the host's JWT. There is exactly one of the two. */
@Injectable()
export class Authenticator {
  private readonly logger = new Logger('NotificationsAuthenticator');
  private readonly jwt: JwtVerifier | null;

  /** @throws {NotificationsError} `INVALID_OPTIONS` unless exactly one of `authenticate` and `jwt` is given. */
  constructor(@Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions) {
    const { authenticate, jwt } = options;
    // With both, which one counts for a request that satisfies only one would be a guess about who may read what.
    if ((authenticate === undefined) === (jwt === undefined)) {
      throw new NotificationsError(
        'INVALID_OPTIONS',
        'NotificationsModule: the controllers need exactly one of authenticate(request) and jwt, to know whose inbox a ' +
          `request is about; ${jwt ? 'both are' : 'neither is'} given. For JWTs and cookies side by side verify both in ` +
          'authenticate. With controllers: false give neither.',
      );
    }
    this.jwt = jwt ? new JwtVerifier(jwt) : null;
  }

  /**
   * Who makes a request, by its headers; null if that can't be told, or the session is over.
   *
   * @throws {HttpException} whatever `authenticate` throws of this kind; 500 if it fails in another way or returns
   *   something else than an identity; 503 if the keys for JWTs are out of reach.
   */
  async identify(request: HttpRequest): Promise<Identity | null> {
    const token = this.jwt ? BEARER.exec(String(request.headers.authorization ?? ''))?.[1] : undefined;
    return this.identifyBy(token, request);
  }

  /**
   * As {@link identify}, by an access token out of the URL alone: `authenticate` sees the request without any other
   * credential. A bad token never falls back to a cookie that happens to come along.
   */
  async identifyByToken(token: string, request: HttpRequest): Promise<Identity | null> {
    return this.identifyBy(token, this.jwt ? request : withTokenAlone(request, token));
  }

  private async identifyBy(token: string | undefined, request: HttpRequest): Promise<Identity | null> {
    const identity = this.jwt ? token && (await this.jwt.verify(token)) : await this.askHost(request);
    return identity && !isOver(identity) ? identity : null;
  }

  private async askHost(request: HttpRequest): Promise<Identity | null> {
    let answer: unknown;
    try {
      answer = await this.options.authenticate?.(request);
    } catch (error) {
      if (isHttpException(error)) throw error;
      this.logger.error(
        `authenticate failed, the request gets 500. Return null for somebody unknown, or throw an HttpException. ` +
          describeWithoutCredentials(error, request),
      );
      throw unusable(error);
    }
    if (answer === null || answer === undefined) return null;
    try {
      return checkIdentity(answer);
    } catch (error) {
      this.logger.error(
        `authenticate returned something unusable, the request gets 500: ${(error as Error).message} It must return ` +
          '{ recipient: string, tenant?: string, expiresAt?: Date }, or null for somebody unknown.',
      );
      throw unusable(error);
    }
  }
}

function unusable(cause: unknown): HttpException {
  return internalError('The request could not be authenticated; the log of the server says why.', cause);
}
