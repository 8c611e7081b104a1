import { hkdfSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { decodeJwt, type JWTPayload, SignJWT } from 'jose';
import { StreamTokens } from '../../src/notifications/http/stream-token.js';
import type { NotificationService } from '../../src/notifications/notification.service.js';
import type { Identity, NotificationsOptions } from '../../src/notifications/notifications.options.js';
import { resolveOptions } from '../../src/notifications/resolve-options.js';
import { HttpApp } from './support/http-app.js';
import { openStream } from './support/stream.js';

const JWT_SECRET = 'the secret of the host, long enough';
const STREAM_SECRET = 'the secret for stream tokens';

let app: HttpApp;
let user: Identity | null;

async function start(options: Partial<NotificationsOptions> = {}): Promise<void> {
  // A host with cookies: whoever has one is somebody, whatever token comes along.
  const authenticate = () => user;
  app = await HttpApp.start({ options: { authenticate, streamToken: { secret: STREAM_SECRET }, ...options } });
}

beforeEach(async () => {
  user = { recipient: 'ann', tenant: 'acme' };
  await start();
});

afterEach(() => app.close());

async function issue(headers: Record<string, string> = {}): Promise<{ token: string; expiresAt: string }> {
  const response = await app.fetch('/notifications/stream-token', { method: 'POST', headers });
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('referrer-policy')).toBe('no-referrer');
  return (await response.json()) as { token: string; expiresAt: string };
}

/** The status that the stream answers; an open one is closed again. */
async function status(query: string, headers: Record<string, string> = {}): Promise<number> {
  const { response, close } = await openStream(app, `/notifications/stream?${query}`, headers);
  if (response.status === 401) expect(response.headers.get('www-authenticate')).toBe('Bearer');
  close();
  return response.status;
}

/** A token that differs from a good one in what is given. */
function forge(claims: JWTPayload, { secret = STREAM_SECRET, alg = 'HS256', derive = true } = {}): Promise<string> {
  const key = derive
    ? hkdfSync('sha256', secret, 'nestjs-crm-notifications', 'stream-token v1', 32)
    : Buffer.from(secret);
  const good = { recipient: 'ann', tenant: 'acme', streamsValidFrom: 0, aud: 'notifications:stream' };
  return new SignJWT({ exp: Date.now() / 1000 + 60, ...good, ...claims })
    .setProtectedHeader({ alg })
    .sign(new Uint8Array(key));
}

test('a stream token opens the stream of its recipient, without any other credentials', async () => {
  const { token, expiresAt } = await issue();
  expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(55_000);
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
  user = null;
  const stream = await openStream(app, `/notifications/stream?token=${token}`);
  expect(stream.response.status).toBe(200);
  expect(await stream.until('event: ready')).toContain('id: 41');
  stream.close();
  expect(app.service.calls.at(-1)).toMatchObject({ method: 'stream', recipient: { tenant: 'acme', id: 'ann' } });
});

test('a token of one tenant never opens the stream of another', async () => {
  const { token } = await issue();
  user = { recipient: 'ann', tenant: 'other' };
  expect(await status(`token=${token}`)).toBe(200);
  expect(app.service.calls.at(-1)?.recipient).toEqual({ tenant: 'acme', id: 'ann' });
});

describe('a bad token gets 401, whatever cookie comes along', () => {
  test.each<[string, () => Promise<string> | string]>([
    ['empty', () => 'token='],
    ['no JWT', () => 'token=abc'],
    ['twice', async () => `token=${await forge({})}&token=${await forge({})}`],
    ['twice, once empty', async () => `token=${await forge({})}&token=`],
    ['expired', async () => `token=${await forge({ exp: Date.now() / 1000 - 0.05 })}`],
    ['without exp', async () => `token=${await forge({ exp: undefined })}`],
    ['signed with another secret', async () => `token=${await forge({}, { secret: 'some other secret' })}`],
    ['signed with the secret itself', async () => `token=${await forge({}, { derive: false })}`],
    ['of another algorithm', async () => `token=${await forge({}, { alg: 'HS512' })}`],
    ['of another audience', async () => `token=${await forge({ aud: 'crm' })}`],
    ['of several audiences', async () => `token=${await forge({ aud: ['crm', 'notifications:stream'] })}`],
    ['from before the last disconnect()', async () => `token=${await forge({ streamsValidFrom: -1 })}`],
    ['without streamsValidFrom', async () => `token=${await forge({ streamsValidFrom: undefined })}`],
    [
      'alg none',
      async () => {
        const [, payload] = (await forge({})).split('.');
        return `token=${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
      },
    ],
  ])('%s', async (_, make) => {
    // The control: the forger can make a good one.
    expect(await status(`token=${await forge({})}`)).toBe(200);
    app.service.calls.length = 0;
    expect(await status(await make(), { Cookie: 'session=good' })).toBe(401);
    expect(app.service.calls).toEqual([]);
    expect(app.log.join('\n')).not.toContain('eyJ');
  });
});

test('disconnect() refuses the tokens from before it, and only those of that recipient', async () => {
  const before = (await issue()).token;
  user = { recipient: 'ann', tenant: 'other' };
  const other = (await issue()).token;
  app.service.disconnect({ tenant: 'acme', id: 'ann' });
  user = { recipient: 'ann', tenant: 'acme' };
  const after = (await issue()).token;
  expect(await status(`token=${before}`)).toBe(401);
  expect(await status(`token=${after}`)).toBe(200);
  expect(await status(`token=${other}`)).toBe(200);
  // No clock decides: a database restored to a time before the token was issued refuses it as well.
  app.service.disconnect({ tenant: 'acme', id: 'ann' }, 1_600_000_000_000_000);
  expect(await status(`token=${after}`)).toBe(401);
});

test('a token ends with its session, and takes the end of the session to the stream', async () => {
  const expiresAt = new Date(Date.now() + 5_000);
  user = { recipient: 'ann', expiresAt };
  const issued = await issue();
  expect(issued.expiresAt).toBe(expiresAt.toISOString());
  expect(await status(`token=${issued.token}`)).toBe(200);
  expect(app.service.calls.at(-1)?.argument).toMatchObject({ expiresAt });
  user = { recipient: 'ann', expiresAt: new Date(Date.now() + 3_600_000) };
  expect(Date.parse((await issue()).expiresAt) - Date.now()).toBeLessThanOrEqual(60_000);
});

test('a stream token is nothing but that: not as Bearer, not on other routes', async () => {
  await app.close();
  await start({ authenticate: undefined, jwt: { secret: JWT_SECRET }, streamToken: { secret: JWT_SECRET } });
  const access = await new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(JWT_SECRET));
  const { token } = await issue({ Authorization: `Bearer ${access}` });
  expect(await status(`token=${token}`)).toBe(200);
  for (const path of ['/notifications', '/notifications/unread-count', '/notifications/stream']) {
    expect((await app.fetch(path, { headers: { Authorization: `Bearer ${token}` } })).status).toBe(401);
  }
  expect((await app.fetch(`/notifications?token=${token}`)).status).toBe(401);
  expect((await app.fetch(`/notifications/stream-token?token=${token}`, { method: 'POST' })).status).toBe(401);
  // And where credentials are there, ?token= on another route is not even looked at.
  const headers = { Authorization: `Bearer ${access}` };
  expect((await app.fetch('/notifications?token=bad', { headers })).status).toBe(200);
});

describe('an access token in the query', () => {
  const access = () => new SignJWT({ sub: 'ann' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(JWT_SECRET));
  const options = { authenticate: undefined, jwt: { secret: JWT_SECRET }, streamToken: undefined };

  test('opens no stream', async () => {
    await app.close();
    await start(options);
    const token = await access();
    expect(await status('', { Authorization: `Bearer ${token}` })).toBe(200);
    expect(await status(`token=${token}`)).toBe(401);
    expect(await status(`token=${token}`, { Authorization: `Bearer ${token}` })).toBe(401);
  });

  test('opens one with acceptAccessTokenInQuery, as stream tokens still do; bad ones do not', async () => {
    await app.close();
    await start({ ...options, acceptAccessTokenInQuery: true });
    const token = await access();
    const headers = { Authorization: `Bearer ${token}` };
    const stream = (await issue(headers)).token;
    expect(await status(`token=${token}`)).toBe(200);
    expect(await status(`token=${stream}`)).toBe(200);
    expect(await status(`token=${token}x`, headers)).toBe(401);
    app.service.disconnect({ tenant: '', id: 'ann' });
    expect(await status(`token=${stream}`, headers)).toBe(401);
    expect((await app.fetch(`/notifications?token=${token}`)).status).toBe(401);
  });

  test('is for authenticate to judge, where the host has one; a bad stream token is not', async () => {
    await app.close();
    await start({
      acceptAccessTokenInQuery: true,
      authenticate: ({ query }) => ((query as { token?: string }).token === 'opaque' ? { recipient: 'ann' } : null),
    });
    expect(await status('token=opaque')).toBe(200);
    expect(await status('token=other')).toBe(401);
    await app.close();
    await start({ acceptAccessTokenInQuery: true });
    expect(await status('token=opaque')).toBe(200);
    expect(await status('token=')).toBe(401);
    expect(await status('token=opaque&token=opaque')).toBe(401);
    expect(await status(`token=${await forge({ streamsValidFrom: 5 })}`)).toBe(401);
  });
});

test('streamToken.secret is the key where there is a jwt.secret as well', async () => {
  await app.close();
  await start({ authenticate: undefined, jwt: { secret: JWT_SECRET } });
  expect(await status(`token=${await forge({})}`)).toBe(200);
  expect(await status(`token=${await forge({}, { secret: JWT_SECRET })}`)).toBe(401);
});

test('whoever verifies a token need not have looked at its audience', async () => {
  const options = resolveOptions({ authenticate: () => user, streamToken: { secret: STREAM_SECRET } });
  const tokens = new StreamTokens(options, app.service as unknown as NotificationService);
  expect(await tokens.verify(await forge({}))).toMatchObject({ recipient: 'ann' });
  expect(await tokens.verify(await forge({ aud: 'crm' }))).toBeNull();
  expect(await tokens.verify(await forge({ aud: undefined }))).toBeNull();
});

test('the claims say no more than they must', async () => {
  const claims = decodeJwt((await issue()).token);
  expect(Object.keys(claims).sort()).toEqual(['aud', 'exp', 'recipient', 'streamsValidFrom', 'tenant']);
});
