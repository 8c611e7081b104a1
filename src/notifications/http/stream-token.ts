import { hkdfSync } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { NotificationService } from '../notification.service.js';
import { NotificationsError } from '../notifications.error.js';
import type { Identity, ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { inboxOf, type StreamIdentity } from './identity.js';
import { secretBytes } from './secret.js';
import { claimedBy, SignedClaims } from './signed-claims.js';

/** The `aud` of stream tokens. A host's JWT that has it is no access token. */
export const STREAM_AUDIENCE = 'notifications:stream';

/** What `POST …/stream-token` answers. */
export interface IssuedStreamToken {
  token: string;
  /** Until when it opens a stream; ISO 8601, UTC. */
  expiresAt: string;
}

/** Times in milliseconds since 1970, unlike `exp`, which counts in seconds. */
interface Claims {
  aud: typeof STREAM_AUDIENCE;
  exp: number;
  recipient: string;
  tenant: string;
  sessionExpiresAt?: number;
  /** {@link NotificationService.streamsValidFrom} at the time of issue. */
  streamsValidFrom: number;
}

/**
 * Short-lived tokens that may stand in a URL, because all that they do is open an event stream: EventSource can't send
 * headers. HS256 JWTs under a key that is derived from the secret (HKDF, RFC 5869) even where the host gives one for
 * them alone: a secret that also signs other JWTs still makes no stream tokens.
 */
@Injectable()
export class StreamTokens {
  private readonly claims: SignedClaims;
  private readonly ttlMs: number;

  constructor(
    @Inject(NOTIFICATIONS_OPTIONS) options: ResolvedOptions,
    @Inject(NotificationService) private readonly notifications: NotificationService,
  ) {
    this.claims = new SignedClaims(streamTokenKey(options));
    this.ttlMs = options.streamToken.ttlMs;
  }

  /** Issues a token that opens a stream for `ttlMs`, and never after the session has ended. */
  async issue(identity: Identity): Promise<IssuedStreamToken> {
    const streamsValidFrom = await this.notifications.streamsValidFrom(inboxOf(identity));
    const sessionExpiresAt = identity.expiresAt?.getTime();
    const expiresAt = Math.min(Date.now() + this.ttlMs, sessionExpiresAt ?? Number.POSITIVE_INFINITY);
    const claims: Claims = {
      recipient: identity.recipient,
      tenant: identity.tenant ?? '',
      sessionExpiresAt,
      streamsValidFrom,
      aud: STREAM_AUDIENCE,
      exp: expiresAt / 1_000,
    };
    return { token: this.claims.sign(claims), expiresAt: new Date(expiresAt).toISOString() };
  }

  /** Whether a token is meant to be a stream token. Says nothing about its being a good one. */
  recognizes(token: string): boolean {
    return claimedBy(token)?.aud === STREAM_AUDIENCE;
  }

  /** Who a token opens a stream for; null if it is forged, expired or revoked. */
  async verify(token: string): Promise<StreamIdentity | null> {
    const claims = this.read(token);
    if (!claims) return null;
    const { recipient, tenant, sessionExpiresAt } = claims;
    const expiresAt = sessionExpiresAt === undefined ? undefined : new Date(sessionExpiresAt);
    const identity = { recipient, tenant, expiresAt };
    // Equal, not later: the clocks of two instances, or of the database, never have to agree.
    const current = await this.notifications.streamsValidFrom(inboxOf(identity));
    return current === claims.streamsValidFrom ? { ...identity, validFrom: current } : null;
  }

  private read(token: string): Claims | null {
    const claims = this.claims.verify(token) as Claims | null;
    const isGood = claims?.aud === STREAM_AUDIENCE && typeof claims.exp === 'number' && claims.exp * 1_000 > Date.now();
    return isGood ? claims : null;
  }
}

/**
 * The key that stream tokens are signed with.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS` if there is no secret, or too short a one.
 */
export function streamTokenKey({ streamToken, jwt }: ResolvedOptions): Uint8Array {
  const option = streamToken.secret === undefined ? 'jwt.secret' : 'streamToken.secret';
  const secret = streamToken.secret ?? jwt?.secret;
  if (secret === undefined) {
    throw new NotificationsError(
      'INVALID_OPTIONS',
      'NotificationsModule: stream tokens need a secret that is the same on every instance, and there is no jwt.secret to ' +
        'derive it from. Set streamToken.secret to a random string of at least 16 characters, such as one from ' +
        '`openssl rand -base64 32`; or set controllers: false, if the host has its own.',
    );
  }
  // Changing either text refuses every stream token of the instances that still run the version before.
  return new Uint8Array(
    hkdfSync('sha256', secretBytes(option, secret), 'nestjs-crm-notifications', 'stream-token v1', 32),
  );
}
