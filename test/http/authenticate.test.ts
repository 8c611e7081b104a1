import { afterEach, describe, expect, test } from '@jest/globals';
import { ForbiddenException, HttpException, UnauthorizedException } from '@nestjs/common';
import { Authenticator } from '../../src/notifications/http/authenticator.js';
import type { HttpRequest, Identity } from '../../src/notifications/notifications.options.js';
import { ADAPTERS, type Adapter, HttpApp } from './support/http-app.js';

let app: HttpApp;

afterEach(() => app.close());

async function start(adapter: Adapter, authenticate: (request: HttpRequest) => unknown): Promise<void> {
  const options = {
    authenticate: authenticate as () => Identity,
    streamToken: { secret: 'a secret for stream tokens' },
  };
  app = await HttpApp.start({ adapter, options });
}

describe.each(ADAPTERS)('authenticate of the host on %s', (adapter) => {
  test('sees the request, cookies too, and tells whose inbox it is', async () => {
    await start(adapter, async ({ headers }) => ({ recipient: String(headers.cookie?.slice('user='.length)) }));
    const response = await app.fetch('/notifications', { headers: { Cookie: 'user=ann' } });
    expect(response.status).toBe(200);
    expect(app.service.calls[0]?.recipient).toEqual({ tenant: '', id: 'ann' });
  });

  test.each([[null], [undefined], [{ recipient: 'ann', expiresAt: new Date(Date.now() - 1) }]])(
    '%j gets 401',
    async (answer) => {
      await start(adapter, () => answer);
      for (const path of ['/notifications', '/notifications/stream']) {
        const response = await app.fetch(path);
        expect(response.status).toBe(401);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        expect(response.headers.get('cache-control')).toBe('no-store');
        expect(response.headers.get('referrer-policy')).toBe('no-referrer');
        expect(await response.json()).toEqual({ statusCode: 401, error: 'Unauthorized', message: expect.any(String) });
      }
      expect(app.service.calls).toEqual([]);
    },
  );

  test('its HttpExceptions pass unchanged', async () => {
    let thrown: HttpException = new ForbiddenException('Not you.');
    await start(adapter, () => {
      throw thrown;
    });
    const forbidden = await app.fetch('/notifications/stream');
    expect(forbidden.status).toBe(403);
    expect(forbidden.headers.get('www-authenticate')).toBeNull();
    expect(await forbidden.json()).toEqual({ statusCode: 403, error: 'Forbidden', message: 'Not you.' });
    thrown = new HttpException({ code: 'PAY' }, 402);
    expect(await (await app.fetch('/notifications')).json()).toEqual({ code: 'PAY' });
    thrown = new UnauthorizedException('Too old.');
    const unauthorized = await app.fetch('/notifications');
    expect(await unauthorized.json()).toMatchObject({ message: 'Too old.' });
    expect(unauthorized.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('HttpExceptions of another copy of @nestjs/common pass as well', async () => {
    class TheirException extends Error {
      getStatus = () => 402;
      getResponse = () => ({ code: 'PAY' });
    }
    const thrown = new TheirException();
    await start(adapter, () => {
      throw thrown;
    });
    // As it is, for the filters of the copy that the host has.
    await expect(app.app.get(Authenticator).identify({ headers: {}, query: {} })).rejects.toBe(thrown);
    expect(app.log.join('\n')).not.toContain('authenticate failed');
  });

  test('anything else that it throws gets 500, and the log gets the error without the credentials', async () => {
    const bearer = 'b3BhcXVlLWFjY2Vzcy10b2tlbg==';
    const jwt = `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"ann"}').toString('base64url')}.c2lnbmF0dXJl`;
    await start(adapter, ({ headers, url }) => {
      throw new Error(`Session store down: ${headers.authorization}, ${headers.cookie}, ${url}, ${jwt}`);
    });
    const response = await app.fetch('/notifications?token=a-token-in-the-url&limit=3', {
      headers: { Authorization: `Bearer ${bearer}`, Cookie: 'theme=dark; sid="s3cr3t-session"' },
    });
    expect(response.status).toBe(500);
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ statusCode: 500, error: 'Internal Server Error' });
    expect(body).not.toContain('Session store');
    const log = app.log.join('\n');
    expect(log).toContain('authenticate failed');
    expect(log).toContain('Session store down');
    // The place in the host's code is what whoever reads the log needs.
    expect(log).toContain('authenticate.test.ts');
    for (const secret of [bearer, 's3cr3t-session', 'a-token-in-the-url', jwt, 'eyJ'])
      expect(log).not.toContain(secret);
  });

  test.each([
    ['a string', 'ann'],
    ['true', true],
    ['a number as recipient', { recipient: 7 }],
    ['no recipient', { tenant: 'acme' }],
    ['an empty recipient', { recipient: '' }],
    ['a recipient that is too long', { recipient: 'x'.repeat(256) }],
    ['control characters', { recipient: 'a\u0000b' }],
    ['null as tenant', { recipient: 'ann', tenant: null }],
    ['a number as tenant', { recipient: 'ann', tenant: 1 }],
    ['a string as expiresAt', { recipient: 'ann', expiresAt: '2030-01-01' }],
    ['an invalid date', { recipient: 'ann', expiresAt: new Date(Number.NaN) }],
    ['null as expiresAt', { recipient: 'ann', expiresAt: null }],
  ])('%s gets 500, and a log line that says what it must return', async (_, answer) => {
    await start(adapter, () => answer);
    const response = await app.fetch('/notifications');
    expect(response.status).toBe(500);
    expect(app.service.calls).toEqual([]);
    expect(app.log.join('\n')).toContain('It must return { recipient: string');
  });

  test('only what is known of an identity is kept', async () => {
    const expiresAt = new Date(Date.now() + 60_000);
    await start(adapter, () => ({ recipient: 'ann', tenant: 'acme', expiresAt, admin: true }));
    const response = await app.fetch('/notifications/stream');
    await response.body?.cancel();
    expect(app.service.calls[0]).toMatchObject({ recipient: { tenant: 'acme', id: 'ann' }, argument: { expiresAt } });
  });
});
