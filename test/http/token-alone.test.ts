import { afterEach, describe, expect, test } from '@jest/globals';
import type { HttpRequest, Identity } from '../../src/notifications/notifications.options.js';
import { ADAPTERS, HttpApp } from './support/http-app.js';

let app: HttpApp;

afterEach(() => app.close());

const SESSIONS: Record<string, Identity> = { 'sid=ben': { recipient: 'ben' } };
const TOKENS: Record<string, Identity> = { good: { recipient: 'ann' } };

const tokenOf = ({ query }: HttpRequest) => TOKENS[String((query as { token?: unknown }).token)];
const bearerOf = ({ headers }: HttpRequest) => TOKENS[String(headers.authorization).replace('Bearer ', '')];

/** Where hosts look when the token is none, and whom they find there: ben, who has a session. */
const FALLBACKS: Record<string, (request: HttpRequest) => Identity | undefined> = {
  'the Cookie header': ({ headers }) => SESSIONS[String(headers.cookie)],
  "Node's request behind Fastify's": (request) => SESSIONS[String((request.raw ?? request).headers.cookie)],
  'the raw headers': ({ raw, rawHeaders = raw.rawHeaders }) =>
    SESSIONS[rawHeaders[rawHeaders.map((name: string) => name.toLowerCase()).indexOf('cookie') + 1]],
  'the distinct headers': ({ raw, headersDistinct = raw.headersDistinct }) => SESSIONS[headersDistinct.cookie?.[0]],
  'the method of Express': (request) => SESSIONS[String(request.get?.('cookie') ?? request.headers.cookie)],
  'parsed cookies': ({ cookies }) => SESSIONS[`sid=${cookies?.sid}`],
  'signed cookies': ({ signedCookies }) => SESSIONS[`sid=${signedCookies?.sid}`],
  'a session': ({ session }) => session?.identity,
  'the user that a guard has found': ({ user }) => user,
  'the Authorization header': ({ headers }) =>
    headers.authorization === 'Basic YmVu' ? { recipient: 'ben' } : undefined,
};

describe.each(ADAPTERS)('A token in the URL decides alone on %s', (adapter) => {
  async function start(authenticate: (request: HttpRequest) => Identity | undefined): Promise<void> {
    app = await HttpApp.start({
      adapter,
      options: { acceptAccessTokenInQuery: true, authenticate, streamToken: { secret: 'a secret for stream tokens' } },
      configure: (host) => {
        // As cookie-parser, express-session and passport leave it there.
        const derive = (request: HttpRequest) => {
          const sid = /sid=(\w+)/.exec(String(request.headers.cookie))?.[1];
          const identity = SESSIONS[`sid=${sid}`];
          Object.assign(request, { cookies: { sid }, signedCookies: { sid }, session: { identity }, user: identity });
        };
        if (adapter === 'express') {
          host.use((request: HttpRequest, _: unknown, next: () => void) => {
            derive(request);
            next();
          });
        } else {
          const fastify = host.getHttpAdapter().getInstance();
          fastify.addHook('onRequest', async (request: HttpRequest) => derive(request));
        }
      },
    });
  }

  async function open(query: string, headers: Record<string, string> = {}): Promise<[status: number, who?: unknown]> {
    const response = await app.fetch(`/notifications/stream${query}`, { headers });
    await response.body?.cancel();
    const calls = app.service.calls.splice(0);
    return response.status === 200
      ? [200, (calls[0] as { recipient: { id: string } }).recipient.id]
      : [response.status];
  }

  test.each(Object.entries(FALLBACKS))('a bad one never falls back to %s', async (name, fallback) => {
    await start((request) => tokenOf(request) ?? fallback(request));
    const others: Record<string, string> =
      name === 'the Authorization header' ? { Authorization: 'Basic YmVu' } : { Cookie: 'sid=ben' };
    // Who comes without a token is let in by the other one.
    expect(await open('', others)).toEqual([200, 'ben']);
    for (const query of ['?token=garbage', '?token=', '?token=good&token=good', '?token=garbage&token=good']) {
      expect([query, ...(await open(query, others))]).toEqual([query, 401]);
    }
    expect(await open('?token=good', others)).toEqual([200, 'ann']);
    expect(app.log.join('\n')).not.toContain('authenticate failed');
  });

  test('it stands where a host looks for one: in the query, and in Authorization', async () => {
    for (const authenticate of [tokenOf, bearerOf, (request: HttpRequest) => bearerOf(request.raw ?? request)]) {
      await app?.close();
      await start(authenticate);
      expect(await open('?token=good', { Authorization: 'Bearer other', Cookie: 'sid=ben' })).toEqual([200, 'ann']);
      expect(await open('?token=bad', { Authorization: 'Bearer good' })).toEqual([401]);
    }
  });

  test('everything else of the request is as it was', async () => {
    await start(({ headers, method, url, ip }) => ({
      recipient: [headers['x-tenant'], headers['user-agent'], method, url, ip].join(' '),
    }));
    const headers = { 'X-Tenant': 'acme', 'User-Agent': 'test', Cookie: 'sid=ben' };
    expect(await open('?token=good', headers)).toEqual([
      200,
      'acme test GET /notifications/stream?token=good 127.0.0.1',
    ]);
    // A host's handler finds its request untouched.
    expect(await open('', headers)).toEqual([200, 'acme test GET /notifications/stream 127.0.0.1']);
  });
});
