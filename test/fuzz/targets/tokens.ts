import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { JwtVerifier } from '../../../src/notifications/http/jwt-verifier.js';
import { claimedBy, SignedClaims } from '../../../src/notifications/http/signed-claims.js';
import { StreamTokens, streamTokenKey } from '../../../src/notifications/http/stream-token.js';
import { resolveOptions } from '../../../src/notifications/resolve-options.js';
import { expect } from '../expect.js';
import { json, mutated, spoiled, text } from '../foreign.js';
import type { FuzzTarget } from '../target.js';

const SECRET = 'a secret of the fuzzing, long enough';
const VALID_FROM = 7;

const part = (value: unknown) => Buffer.from(JSON.stringify(value) ?? '').toString('base64url');
/** Tokens that nobody has signed. */
const unsigned = fc
  .tuple(
    fc.oneof(fc.constant({ alg: 'none' }), fc.constant({ alg: 'HS256', typ: 'JWT' }), json(['alg', 'typ'])),
    json(['aud', 'exp', 'sub']),
    text(),
  )
  .map(([header, claims, signature]) => `${part(header)}.${part(claims)}.${signature}`);

export const streamTokenTarget: FuzzTarget = {
  name: 'stream tokens',
  runs: 3_000,
  open: async () => {
    const options = resolveOptions({ jwt: { secret: SECRET } });
    const tokens = new StreamTokens(options, { streamsValidFrom: async () => VALID_FROM } as never);
    const ours = new SignedClaims(streamTokenKey(options));
    const { token } = await tokens.issue({ recipient: 'ann', tenant: 'acme' });
    const { token: other } = await tokens.issue({ recipient: 'bob', tenant: 'acme' });
    const good = new Set([token, other]);
    const claims = spoiled(
      fc.record({
        ...{ recipient: text(), tenant: text(), streamsValidFrom: fc.constant(VALID_FROM) },
        ...{ aud: fc.constant('notifications:stream'), exp: fc.constantFrom(4e9, 0) },
      }),
    );
    const property = fc.asyncProperty(
      fc.oneof(mutated(fc.constantFrom(token, other)), unsigned, text()),
      claims,
      async (forged, claims) => {
        const seen = claimedBy(forged);
        expect(seen === null || typeof seen === 'object', 'claims are an object, or none');
        tokens.recognizes(forged);
        const identity = await tokens.verify(forged);
        expect((identity !== null) === good.has(forged), 'a token that was not issued', forged);
        expect(
          isDeepStrictEqual(ours.verify(ours.sign(claims)), JSON.parse(JSON.stringify(claims))),
          'claims as signed',
        );
      },
    );
    return { property: property as never, close: async () => {} };
  },
};

export const jwtTarget: FuzzTarget = {
  name: 'JWTs of the host',
  runs: 2_000,
  open: async () => {
    const verifier = new JwtVerifier({ secret: SECRET });
    const issuer = new SignedClaims(new TextEncoder().encode(SECRET));
    const token = issuer.sign({ sub: 'ann', tenant: 'acme' });
    const other = issuer.sign({ sub: 'bob', exp: 4_000_000_000 });
    const known = [await verifier.verify(token), await verifier.verify(other)];
    // Without the line that says what is wrong with the claims: the issuer alone gets there.
    (verifier as unknown as { logger: object }).logger = { warn: () => {}, error: () => {} };
    const claims = spoiled(
      fc.record({ sub: fc.oneof(text(), fc.integer()), tenant: text(), exp: fc.oneof(fc.constant(4e9), fc.double()) }),
    );
    const property = fc.asyncProperty(
      fc.oneof(mutated(fc.constantFrom(token, other)), unsigned, text()),
      claims,
      async (forged, claims) => {
        const identity = await verifier.verify(forged);
        // Base64 has more than one spelling of some signatures: what they sign is the same.
        expect(identity === null || known.some((each) => isDeepStrictEqual(each, identity)), 'forged', forged);
        const issued = await verifier.verify(issuer.sign(claims));
        if (!issued) return;
        const { recipient, tenant = '' } = issued;
        expect(
          recipient.length > 0 && recipient.isWellFormed() && !/\p{Cc}/u.test(recipient + tenant),
          'names',
          issued,
        );
      },
    );
    return { property: property as never, close: async () => {} };
  },
};
