import { errors, jwtVerify, SignJWT } from 'jose';
import type { JwtOptions } from '../../notifications/index.js';

const ISSUER = 'crm-demo';
const VALID_FOR = '12h';

/** The JWTs that the CRM gives out at login and asks for ever after. */
export class AccessTokens {
  /** By these the notifications know the CRM's users, too. */
  readonly jwt: JwtOptions;
  private readonly key: Uint8Array;

  constructor(secret: string) {
    this.jwt = { secret, issuer: ISSUER, audience: ISSUER };
    this.key = new TextEncoder().encode(secret);
  }

  async issue(user: string): Promise<string> {
    return await new SignJWT()
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(user)
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setIssuedAt()
      .setExpirationTime(VALID_FOR)
      .sign(this.key);
  }

  /** The user whom a token was issued to; null if it is forged or expired. */
  async verify(token: string): Promise<string | null> {
    try {
      const { payload } = await jwtVerify(token, this.key, { algorithms: ['HS256'], issuer: ISSUER, audience: ISSUER });
      return payload.sub ?? null;
    } catch (error) {
      if (error instanceof errors.JOSEError) return null;
      throw error;
    }
  }
}
