import { afterEach, describe, expect, test } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NotificationsOptions } from '../../src/notifications/notifications.options.js';
import { ADAPTERS, type Adapter, HttpApp } from './support/http-app.js';
import { openStream } from './support/stream.js';

const CRM = 'https://crm.example.com';
const EVIL = 'https://evil.example';
const COOKIE = { Cookie: 'sid=1' };
const FOREIGN = { ...COOKIE, Origin: EVIL, 'Sec-Fetch-Site': 'cross-site' };

/** What changes something, and the questions, of which four of a user's are answered at a time. */
const CALLS: [method: string, path: string, json?: object][] = [
  ['GET', '/notifications'],
  ['GET', '/notifications?limit=1'],
  ['GET', '/notifications/unread-count'],
  ['POST', '/notifications/stream-token', {}],
  ['POST', '/notifications/read', { upTo: 3 }],
  ['PATCH', '/notifications/3', { read: true }],
  ['DELETE', '/notifications/3'],
];

let app: HttpApp;
/** Requests that the host's `authenticate` has seen. */
let asked = 0;

afterEach(() => app.close());

async function start(
  adapter: Adapter,
  options: NotificationsOptions = {},
  configure?: (host: INestApplication) => void,
): Promise<void> {
  asked = 0;
  const authenticate = () => {
    asked += 1;
    return { recipient: 'ann' };
  };
  const defaults = { authenticate, streamToken: { secret: 'a secret for stream tokens' } };
  app = await HttpApp.start({ adapter, options: { ...defaults, ...options }, configure });
}

async function statusOf(method: string, path: string, headers: Record<string, string>, json?: object): Promise<number> {
  const response = await app.fetch(path, { method, headers, json });
  await response.body?.cancel();
  return response.status;
}

async function streamStatus(headers: Record<string, string>, query = ''): Promise<number> {
  const { response, close } = await openStream(app, `/notifications/stream${query}`, headers);
  close();
  return response.status;
}

/** A question, a call that changes something, and a stream. */
async function statuses(headers: Record<string, string>): Promise<number[]> {
  return [
    await statusOf('GET', '/notifications', headers),
    await statusOf('POST', '/notifications/stream-token', headers, {}),
    await streamStatus(headers),
  ];
}

describe.each(ADAPTERS)('A page of another origin on %s', (adapter) => {
  test('asks nothing, changes nothing and opens no stream with the cookie of the user', async () => {
    await start(adapter);
    for (const [method, path, json] of CALLS) {
      const response = await app.fetch(path, { method, headers: FOREIGN, json });
      expect([path, response.status]).toEqual([path, 403]);
      expect(response.headers.get('www-authenticate')).toBeNull();
      expect(response.headers.get('cache-control')).toBe('no-store');
      const message = expect.stringMatching(/another origin.* option cors/);
      expect(await response.json()).toEqual({ statusCode: 403, error: 'Forbidden', message });
    }
    const stream = await app.fetch('/notifications/stream', { headers: FOREIGN });
    expect(stream.status).toBe(403);
    expect(await stream.json()).toMatchObject({ statusCode: 403, error: 'Forbidden' });
    for (const path of ['/notifications', '/notifications/unread-count', '/notifications/stream']) {
      expect([path, await statusOf('HEAD', path, FOREIGN)]).toEqual([path, 403]);
    }
    expect([app.service.calls, app.service.open, asked]).toEqual([[], 0, 0]);
    // Who reads the log of the server learns which page that was.
    expect(app.log.join('\n')).toContain(`by a page of "${EVIL}" has got 403`);
  });

  test.each<[what: string, status: number, headers: Record<string, string>]>([
    ['of this very origin', 200, { 'Sec-Fetch-Site': 'same-origin', Origin: CRM }],
    ['whose address was typed in', 200, { 'Sec-Fetch-Site': 'none' }],
    ['of another origin of the same site', 403, { 'Sec-Fetch-Site': 'same-site', Origin: 'https://blog.example.com' }],
    ['that asks for an image, without an Origin', 403, { 'Sec-Fetch-Site': 'cross-site' }],
    ['in a sandbox', 403, { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' }],
    ['by a word that is not known yet', 403, { 'Sec-Fetch-Site': 'cross-planet' }],
    ['that is none: no browser sends neither', 200, {}],
    ['of another origin, on plain HTTP', 403, { Origin: 'http://evil.example' }],
    ['in a sandbox, on plain HTTP', 403, { Origin: 'null' }],
    ['with Basic, which browsers add by themselves', 403, { ...FOREIGN, Authorization: 'Basic YW5uOnB3' }],
    ['with a token of its own, after a preflight', 200, { ...FOREIGN, Authorization: 'Bearer x' }],
  ])('a page %s: %i', async (_, status, headers) => {
    await start(adapter);
    expect(await statuses({ ...COOKIE, ...headers })).toEqual([status, status, status]);
  });

  test.each<[what: string, status: number, headers: (own: string) => Record<string, string>]>([
    ['the host that it asks', 200, (own) => ({ Origin: `http://${own}` })],
    ['a host by the same name and another port', 403, () => ({ Origin: 'http://127.0.0.1:1' })],
    ['the host that a proxy was asked for', 200, () => ({ Origin: CRM, 'X-Forwarded-Host': 'crm.example.com' })],
    ['the first of several', 200, () => ({ Origin: CRM, 'X-Forwarded-Host': 'CRM.example.com:443, inner' })],
    ['none of them', 403, () => ({ Origin: CRM, 'X-Forwarded-Host': 'crm.example.com.evil.example' })],
  ])('without Sec-Fetch-Site, of %s: %i', async (_, status, headers) => {
    await start(adapter);
    const own = new URL(app.origin).host;
    expect(await statuses({ ...COOKIE, ...headers(own) })).toEqual([status, status, status]);
  });

  test('opens a stream with a stream token: its origin has been given one', async () => {
    await start(adapter);
    const response = await app.fetch('/notifications/stream-token', { method: 'POST', headers: COOKIE });
    const { token } = (await response.json()) as { token: string };
    const { Cookie: _, ...foreign } = FOREIGN;
    expect(await streamStatus(foreign, `?token=${token}`)).toBe(200);
    expect(await streamStatus(FOREIGN, '?token=bad')).toBe(401);
  });

  test('is let in by the option cors', async () => {
    await start(adapter, { cors: [CRM] });
    expect(await statuses({ ...FOREIGN, Origin: CRM })).toEqual([200, 200, 200]);
    expect(await statuses(FOREIGN)).toEqual([403, 403, 403]);
  });

  test("is let in by the host's own CORS, which need not be told twice", async () => {
    await start(adapter, {}, (host) => host.enableCors({ origin: [CRM], credentials: true }));
    expect(await statuses({ ...FOREIGN, Origin: CRM })).toEqual([200, 200, 200]);
    expect(await statuses(FOREIGN)).toEqual([403, 403, 403]);
  });

  test("which for everybody is for nobody's cookies, and for nobody's Basic", async () => {
    await start(adapter, {}, (host) => host.enableCors());
    const { Cookie: _, ...foreign } = FOREIGN;
    expect(await statuses(foreign)).toEqual([200, 200, 200]);
    expect(await statuses(FOREIGN)).toEqual([403, 403, 403]);
    for (const scheme of ['Basic', 'Digest', 'Negotiate', 'NTLM']) {
      expect(await statuses({ ...foreign, Authorization: `${scheme} x` })).toEqual([403, 403, 403]);
    }
    expect(await statuses({ ...foreign, Authorization: 'Bearer x' })).toEqual([200, 200, 200]);
  });

  test('is asked for its credentials where only JWTs count, and a cookie is nothing', async () => {
    const secret = 'the secret of the JWTs of the host';
    await start(adapter, { authenticate: undefined, jwt: { secret } });
    expect(await statuses(FOREIGN)).toEqual([401, 401, 401]);
  });
});
