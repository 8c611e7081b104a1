import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, test } from '@jest/globals';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import type { JwtOptions } from '../../src/notifications/notifications.options.js';
import { HttpApp } from './support/http-app.js';
import { type KeySetServer, serveKeySet } from './support/key-set.js';

const SECRET = 'the secret of the host, long enough';
const GOOD = { sub: 'ann', tenant: 'acme', iss: 'https://login.example', aud: 'crm' };
const RULES: JwtOptions = { issuer: GOOD.iss, audience: GOOD.aud };

let app: HttpApp;
let keySet: KeySetServer | undefined;
const sent: string[] = [];

afterEach(async () => {
  await app?.close();
  await keySet?.close();
  keySet = undefined;
  // Whatever the test was about: no token, and no part of one that would do, is in the log.
  const parts = sent.splice(0).flatMap((token) => token.split('.'));
  for (const part of parts.filter(({ length }) => length > 20)) expect(app.log.join('\n')).not.toContain(part);
});

async function start(jwt: JwtOptions, streamSecret = 'a secret for stream tokens'): Promise<void> {
  app = await HttpApp.start({ options: { jwt, streamToken: { secret: streamSecret } } });
}

async function ask(token: string): Promise<Response> {
  sent.push(token);
  return app.fetch('/notifications/unread-count', { headers: { Authorization: `Bearer ${token}` } });
}

function hs(claims: JWTPayload, { alg = 'HS256', secret = SECRET, expires = '1h' } = {}): Promise<string> {
  const jwt = new SignJWT(claims).setProtectedHeader({ alg });
  if (claims.exp === undefined && expires) jwt.setExpirationTime(expires);
  return jwt.sign(new TextEncoder().encode(secret));
}

function unsigned(header: object, claims: object): string {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}

describe('jwt with a secret', () => {
  test.each(['HS256', 'HS384', 'HS512'])('a valid %s token tells recipient and tenant', async (alg) => {
    await start({ secret: SECRET, ...RULES });
    expect((await ask(await hs(GOOD, { alg }))).status).toBe(200);
    expect(app.service.calls).toEqual([
      { method: 'unreadCount', recipient: { tenant: 'acme', id: 'ann' }, argument: undefined },
    ]);
  });

  test.each<[string, () => Promise<string> | string]>([
    ['expired', () => hs({ ...GOOD, exp: Math.floor(Date.now() / 1000) - 1 })],
    ['not yet valid', () => hs({ ...GOOD, nbf: Math.floor(Date.now() / 1000) + 60 })],
    ['signed with another secret', () => hs(GOOD, { secret: 'some other secret, also long' })],
    [
      'with what must be understood, and is not',
      () => {
        const text = unsigned({ alg: 'HS256', crit: ['exp2'], exp2: 1 }, { ...GOOD, exp: 4_102_444_800 });
        return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
      },
    ],
    ['of another audience', () => hs({ ...GOOD, aud: 'shop' })],
    ['without audience', () => hs({ ...GOOD, aud: undefined })],
    ['of another issuer', () => hs({ ...GOOD, iss: 'https://evil.example' })],
    ['without issuer', () => hs({ ...GOOD, iss: undefined })],
    ['without recipient', () => hs({ ...GOOD, sub: undefined })],
    ['with an empty recipient', () => hs({ ...GOOD, sub: '' })],
    ['with control characters in the recipient', () => hs({ ...GOOD, sub: 'a\nb' })],
    ['with an object as recipient', () => hs({ ...GOOD, sub: {} as string })],
    ['with a fraction as recipient', () => hs({ ...GOOD, sub: 1.5 as unknown as string })],
    ['with an object as tenant', () => hs({ ...GOOD, tenant: { id: 'acme' } })],
    ['for streams, too', () => hs({ ...GOOD, aud: ['crm', 'notifications:stream'] })],
    [
      'with a forged payload',
      async () => {
        const [header, , signature] = (await hs(GOOD)).split('.');
        return `${header}.${unsigned({}, { ...GOOD, sub: 'bob' }).split('.')[1]}.${signature}`;
      },
    ],
    ['alg none', () => `${unsigned({ alg: 'none', typ: 'JWT' }, GOOD)}.`],
    [
      'alg None with the signature of another',
      async () => {
        const signature = (await hs(GOOD)).split('.')[2];
        return `${unsigned({ alg: 'None' }, GOOD)}.${signature}`;
      },
    ],
    [
      'RS256',
      async () =>
        new SignJWT(GOOD).setProtectedHeader({ alg: 'RS256' }).sign((await generateKeyPair('RS256')).privateKey),
    ],
    ['no JWT', () => 'abc'],
    ['two dots', () => '..'],
  ])('a token %s gets 401', async (_, make) => {
    await start({ secret: SECRET, ...RULES });
    const response = await ask(await make());
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(await response.json()).toEqual({ statusCode: 401, error: 'Unauthorized', message: expect.any(String) });
    expect(app.service.calls).toEqual([]);
  });

  test.each(['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', 'Token x'])(
    'Authorization %j gets 401',
    async (value) => {
      await start({ secret: SECRET });
      const response = await app.fetch('/notifications', { headers: { Authorization: value } });
      expect(response.status).toBe(401);
    },
  );

  test('without configured audience a token for streams is still no access token', async () => {
    // Even if the host signs it with the very secret: the audience decides.
    await start({ secret: SECRET });
    expect((await ask(await hs({ sub: 'ann' }))).status).toBe(200);
    expect((await ask(await hs({ sub: 'ann', aud: 'notifications:stream' }))).status).toBe(401);
    expect((await ask(await hs({ sub: 'ann', aud: ['notifications:stream'] }))).status).toBe(401);
  });

  test('the scheme is case-insensitive; claims have the names that the options say; numbers become strings', async () => {
    await start({ secret: SECRET, recipientClaim: 'uid', tenantClaim: 'org' });
    const token = await hs({ uid: 7, org: 12, sub: 'somebody else', tenant: 'another' });
    const response = await app.fetch('/notifications', { headers: { Authorization: `bearer ${token}` } });
    expect(response.status).toBe(200);
    expect(app.service.calls[0]?.recipient).toEqual({ tenant: '12', id: '7' });
  });

  test('a token without tenant belongs to tenant ""', async () => {
    await start({ secret: SECRET });
    await ask(await hs({ sub: 'ann' }));
    await ask(await hs({ sub: 'ann', tenant: null }));
    expect(app.service.calls.map((call) => call.recipient)).toEqual([
      { tenant: '', id: 'ann' },
      { tenant: '', id: 'ann' },
    ]);
  });

  test('a valid token whose claim is missing leaves a hint in the log', async () => {
    await start({ secret: SECRET, recipientClaim: 'uid' });
    await ask(await hs(GOOD));
    expect(app.log.join('\n')).toMatch(/claim uid.*jwt\.recipientClaim/);
  });

  test('exp ends the session of the stream; one beyond what a Date can say, or none, never does', async () => {
    await start({ secret: SECRET });
    const exp = Math.floor(Date.now() / 1000) + 100;
    for (const [claims, expected] of [
      [{ sub: 'ann', exp }, new Date(exp * 1000)],
      [{ sub: 'ann', exp: 1e15 }, undefined],
      [{ sub: 'ann' }, undefined],
    ] as const) {
      const token = await hs(claims, { expires: '' });
      const response = await app.fetch('/notifications/stream', { headers: { Authorization: `Bearer ${token}` } });
      await response.body?.cancel();
      expect(app.service.calls.at(-1)?.argument).toMatchObject({ expiresAt: expected });
    }
  });
});

describe('jwt with a key set', () => {
  test('a valid token is accepted, the keys are fetched once, and other keys and algorithms get 401', async () => {
    const rsa = await generateKeyPair('RS256', { extractable: true });
    const ec = await generateKeyPair('ES256', { extractable: true });
    keySet = await serveKeySet(
      { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256' },
      { ...(await exportJWK(ec.publicKey)), kid: 'ec' },
    );
    await start({ jwksUri: keySet.uri, ...RULES });
    const sign = (alg: string, kid: string, key: typeof rsa.privateKey) =>
      new SignJWT(GOOD).setProtectedHeader({ alg, kid }).sign(key);

    expect((await ask(await sign('RS256', 'rsa', rsa.privateKey))).status).toBe(200);
    expect((await ask(await sign('ES256', 'ec', ec.privateKey))).status).toBe(200);
    expect(keySet.requests).toBe(1);

    const stranger = await generateKeyPair('RS256');
    expect((await ask(await sign('RS256', 'rsa', stranger.privateKey))).status).toBe(401);
    expect((await ask(await sign('RS256', 'unknown', stranger.privateKey))).status).toBe(401);
    expect((await ask(`${unsigned({ alg: 'none', kid: 'rsa' }, GOOD)}.`)).status).toBe(401);
    const stream = new SignJWT({ ...GOOD, aud: ['crm', 'notifications:stream'] }).setProtectedHeader({
      alg: 'RS256',
      kid: 'rsa',
    });
    expect((await ask(await stream.sign(rsa.privateKey))).status).toBe(401);
  });

  test('the public key is no HMAC secret', async () => {
    const { publicKey } = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'rsa' };
    const asOctets = { kty: 'oct', kid: 'rsa', k: Buffer.from(await exportSPKI(publicKey)).toString('base64url') };
    // The second: an issuer whose set even lists it as a symmetric key, alg included.
    for (const keys of [[jwk], [asOctets], [{ ...asOctets, alg: 'HS256' }]]) {
      keySet = await serveKeySet(...keys);
      await start({ jwksUri: keySet.uri, ...RULES });
      for (const secret of [await exportSPKI(publicKey), (await exportSPKI(publicKey)).trim(), JSON.stringify(jwk)]) {
        const input = unsigned({ alg: 'HS256', kid: 'rsa', typ: 'JWT' }, GOOD);
        const forged = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
        expect((await ask(forged)).status).toBe(401);
      }
      await app.close();
      await keySet.close();
    }
  });

  test('the address of a key set gives no stream tokens, and its tokens open no stream from ?token=', async () => {
    const rsa = await generateKeyPair('RS256', { extractable: true });
    keySet = await serveKeySet({ ...(await exportJWK(rsa.publicKey)), kid: 'rsa' });
    await start({ jwksUri: keySet.uri });
    const claims = { sub: 'ann', recipient: 'ann', tenant: '', streamsValidFrom: 0, aud: 'notifications:stream' };
    const token = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'rsa' })
      .setExpirationTime('1m')
      .sign(rsa.privateKey);
    sent.push(token);
    expect((await app.fetch(`/notifications/stream?token=${token}`)).status).toBe(401);
  });

  test.each<[string, (server: KeySetServer) => Promise<void> | void]>([
    ['is down', (server) => server.close()],
    [
      'answers 500',
      (server) => {
        server.answer = { status: 500, keys: [] };
      },
    ],
    [
      'answers nonsense',
      (server) => {
        server.answer = { status: 200, keys: 'keys' as never };
      },
    ],
  ])(
    'an endpoint that %s gives 503 and one clear log line, and a good token works once it is back',
    async (what, breakIt) => {
      const rsa = await generateKeyPair('RS256', { extractable: true });
      const key = { ...(await exportJWK(rsa.publicKey)), kid: 'rsa' };
      keySet = await serveKeySet(key);
      await start({ jwksUri: keySet.uri });
      await breakIt(keySet);
      const token = await new SignJWT(GOOD).setProtectedHeader({ alg: 'RS256', kid: 'rsa' }).sign(rsa.privateKey);
      for (let i = 0; i < 3; i++) {
        const response = await ask(token);
        expect(response.status).toBe(503);
        expect(response.headers.get('retry-after')).toBe('5');
        expect(response.headers.get('www-authenticate')).toBeNull();
        expect(await response.json()).toMatchObject({ statusCode: 503, error: 'Service Unavailable' });
      }
      expect(app.log.filter((line) => line.includes('jwt.jwksUri'))).toHaveLength(1);
      if (what === 'is down') return;
      keySet.answer = { status: 200, keys: [key] };
      expect((await ask(token)).status).toBe(200);
    },
  );
});
