import { Logger } from '@nestjs/common';
import { NotificationsError } from '../notifications.error.js';
import type { Identity, JwtOptions } from '../notifications.options.js';
import { oneLine } from '../one-line.js';
import { currentContext } from '../own-context.js';
import { checkRecipientId, checkTenant } from '../payload.js';
import { serviceUnavailable } from './http-exceptions.js';
import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from './jose.js';
import { secretBytes } from './secret.js';
import { STREAM_AUDIENCE } from './stream-token.js';

const SYMMETRIC = ['HS256', 'HS384', 'HS512'];
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** While the key set is out of reach, one log line in this time: anybody can send tokens. */
const LOG_INTERVAL_MS = 30_000;

/**
 * Verifies the host's JWTs (RFC 7519). The options decide which family of algorithms counts, never the token: otherwise
 * a token "signed" with the issuer's public key as an HMAC secret would pass (RFC 8725, 2.1).
 */
export class JwtVerifier {
  private readonly logger = new Logger('NotificationsJwt');
  private readonly key: JWTVerifyGetKey;
  private readonly algorithms: string[];
  private quietUntil = 0;

  /** @throws {NotificationsError} `INVALID_OPTIONS` unless there is exactly one of a long enough secret and a key set. */
  constructor(private readonly options: JwtOptions) {
    const { secret, jwksUri } = options;
    if ((secret === undefined) === (jwksUri === undefined)) {
      invalidOptions('jwt needs exactly one of secret (HS256, HS384, HS512) and jwksUri (asymmetric algorithms).');
    }
    if ([options.audience].flat().includes(STREAM_AUDIENCE)) {
      invalidOptions(`jwt.audience must not be '${STREAM_AUDIENCE}': that is what stream tokens are told by.`);
    }
    if (jwksUri === undefined) {
      const bytes = secretBytes('jwt.secret', secret);
      this.key = async () => bytes;
      this.algorithms = SYMMETRIC;
    } else {
      this.key = this.remoteKeys(jwksUri);
      this.algorithms = ASYMMETRIC;
    }
  }

  /**
   * Who a token speaks for; null if it is not valid.
   *
   * @throws {HttpException} 503 if the key set can't be reached: the token may well be a good one.
   */
  async verify(token: string): Promise<Identity | null> {
    const { issuer, audience } = this.options;
    try {
      const { payload } = await jwtVerify(token, this.key, { algorithms: this.algorithms, issuer, audience });
      // With the same secret and no `audience` configured a stream token would otherwise open the whole inbox.
      return [payload.aud].flat().includes(STREAM_AUDIENCE) ? null : this.identity(payload);
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }

  private identity(payload: JWTPayload): Identity | null {
    const { recipientClaim = 'sub', tenantClaim = 'tenant' } = this.options;
    const recipient = text(payload[recipientClaim]);
    const tenant = text(payload[tenantClaim] ?? '');
    try {
      checkRecipientId(recipient, `the claim ${recipientClaim}`);
      checkTenant(tenant);
    } catch (error) {
      // Only the issuer can get here, so this can't flood the log; and a wrong claim name would be hard to find.
      this.logger.warn(
        `A valid JWT names no recipient: ${(error as Error).message} See jwt.recipientClaim, jwt.tenantClaim.`,
      );
      return null;
    }
    return { recipient, tenant, expiresAt: payload.exp === undefined ? undefined : moment(payload.exp) };
  }

  private remoteKeys(uri: string): JWTVerifyGetKey {
    if (!/^https?:/i.test(uri) || !URL.canParse(uri)) {
      invalidOptions("jwt.jwksUri must be an http(s) URL such as 'https://login.example.com/.well-known/jwks.json'.");
    }
    const keys = createRemoteJWKSet(new URL(uri));
    // All that wait for the keys share one request, and its connection.
    const inOwnContext = currentContext();
    return async (header, token) => {
      try {
        return await inOwnContext(() => keys(header, token));
      } catch (error) {
        if (isAboutTheToken(error)) throw error;
        this.logUnreachable(error);
        throw serviceUnavailable('Signatures cannot be checked for the moment. Try again.', error);
      }
    };
  }

  private logUnreachable(error: unknown): void {
    if (Date.now() < this.quietUntil) return;
    this.quietUntil = Date.now() + LOG_INTERVAL_MS;
    const { message, cause } = error as Error;
    const reason = cause instanceof Error ? `${message}: ${cause.message}` : message;
    this.logger.error(
      `The keys of jwt.jwksUri cannot be had (${oneLine(reason)}). Until they can, requests with a JWT get 503. Check the address, ` +
        'and that this server can reach it.',
    );
  }
}

function isAboutTheToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

function text(claim: unknown): unknown {
  return Number.isSafeInteger(claim) ? String(claim) : claim;
}

/** A NumericDate as Date; undefined beyond the year 275,760, which a Date cannot say. */
function moment(seconds: number): Date | undefined {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function invalidOptions(problem: string): never {
  throw new NotificationsError('INVALID_OPTIONS', `NotificationsModule: ${problem}`);
}
