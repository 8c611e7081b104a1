import { type CanActivate, type ExecutionContext, Inject, Injectable, UnauthorizedException } from '@nestjs/common';
import type { HttpRequest, Identity, ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { Authenticator } from './authenticator.js';
import { CrossSite } from './cross-site.js';
import { HttpDrain } from './http-drain.js';
import { refusal } from './http-errors.js';
import { type HttpResponse, queryParameter, rawResponse } from './http-message.js';
import { setIdentity } from './identity.js';
import { markOwn, OwnAnswers } from './own-answers.js';
import { StreamTokens } from './stream-token.js';
import { turnOf } from './turn.js';

abstract class NotificationsGuard implements CanActivate {
  constructor(
    private readonly drain: HttpDrain,
    private readonly own: OwnAnswers,
  ) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const http = context.switchToHttp();
    const request = http.getRequest<HttpRequest>();
    const response = http.getResponse<HttpResponse>();
    this.drain.track(rawResponse(response));
    // Before anything can fail: errors must not be stored either, and the URL of a stream may hold a token.
    rawResponse(response).setHeader('Cache-Control', 'no-store');
    rawResponse(response).setHeader('Referrer-Policy', 'no-referrer');
    // For a cache that stores it all the same.
    rawResponse(response).appendHeader('Vary', 'Authorization, Cookie');
    this.own.expect(request, response, this.kind);
    try {
      const identity = await this.identify(request, response);
      if (!identity) throw new UnauthorizedException(this.remedy);
      setIdentity(request, identity);
      return true;
    } catch (error) {
      // The host's filters answer, with whatever status.
      markOwn(request);
      throw refusal(error, response);
    }
  }

  protected abstract readonly remedy: string;
  protected abstract readonly kind: 'json' | 'events';
  protected abstract identify(request: HttpRequest, response: HttpResponse): Promise<Identity | null>;
}

/** Guards everything but the stream: normal credentials only. A `?token=` means nothing here. */
@Injectable()
export class InboxGuard extends NotificationsGuard {
  protected readonly kind = 'json';
  protected readonly remedy = 'This needs valid credentials: sign in, and try again.';

  constructor(
    @Inject(HttpDrain) drain: HttpDrain,
    @Inject(OwnAnswers) own: OwnAnswers,
    @Inject(CrossSite) private readonly crossSite: CrossSite,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
  ) {
    super(drain, own);
  }

  protected async identify(request: HttpRequest, response: HttpResponse): Promise<Identity | null> {
    this.crossSite.check(request, response);
    return await this.authenticator.identify(request);
  }
}

/**
 * Guards the stream. `?token=` alone decides if it is there, so that a bad one never opens somebody else's stream by a
 * cookie that happens to come along; without it normal credentials do.
 */
@Injectable()
export class StreamGuard extends NotificationsGuard {
  protected readonly kind = 'events';
  protected readonly remedy = 'This needs valid credentials, or a fresh token from POST stream-token.';

  constructor(
    @Inject(HttpDrain) drain: HttpDrain,
    @Inject(OwnAnswers) own: OwnAnswers,
    @Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(CrossSite) private readonly crossSite: CrossSite,
    @Inject(Authenticator) private readonly authenticator: Authenticator,
    @Inject(StreamTokens) private readonly streamTokens: StreamTokens,
  ) {
    super(drain, own);
  }

  protected async identify(request: HttpRequest, response: HttpResponse): Promise<Identity | null> {
    // Behind another request a stream may never have its turn: until then it takes no place from those that have, and
    // its credentials are not checked, which could be out of date by then.
    const turn = turnOf(rawResponse(response));
    if (turn) await turn;
    const token = queryParameter(request, 'token');
    if (token === undefined) {
      this.crossSite.check(request, response);
      return this.authenticator.identify(request);
    }
    if (typeof token !== 'string' || token === '') return null;
    const mayBeTheHosts = this.options.acceptAccessTokenInQuery && !this.streamTokens.recognizes(token);
    return mayBeTheHosts ? this.authenticator.identifyByToken(token, request) : this.streamTokens.verify(token);
  }
}
