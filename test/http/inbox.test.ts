import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { NotificationsError, type NotificationsErrorCode } from '../../src/notifications/notifications.error.js';
import { ADAPTERS, HttpApp } from './support/http-app.js';

const NUMBERS = { lastId: 41, unread: 2, revision: 18 };
const INBOX = { tenant: 'acme', id: 'ann' };

describe.each(ADAPTERS)('the inbox over REST on %s', (adapter) => {
  let app: HttpApp;

  beforeAll(async () => {
    const authenticate = () => ({ recipient: 'ann', tenant: 'acme' });
    app = await HttpApp.start({
      adapter,
      options: { authenticate, streamToken: { secret: 'a secret for stream tokens' } },
    });
  });

  afterAll(() => app.close());

  beforeEach(() => {
    app.service.calls.length = 0;
    app.service.failure = undefined;
    app.service.found = 1;
  });

  async function send(method: string, path: string, json?: unknown): Promise<{ status: number; body: unknown }> {
    const response = await app.fetch(`/notifications${path}`, { method, json });
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    return { status: response.status, body: await response.json() };
  }

  test.each([
    ['', {}],
    ['?limit=1', { limit: 1 }],
    [
      '?limit=100&before=999999999999999&unread=true&type=deal.assigned',
      { limit: 100, before: 999_999_999_999_999, unread: true, type: 'deal.assigned' },
    ],
    ['?unread=false', { unread: false }],
    [`?type=${encodeURIComponent('交易')}`, { type: '交易' }],
    [`?type=${encodeURIComponent('🙂'.repeat(100))}`, { type: '🙂'.repeat(100) }],
    ['?utm_source=mail&_=123', {}],
  ])('GET %s asks for %j', async (query, expected) => {
    const { status, body } = await send('GET', query);
    expect(status).toBe(200);
    expect(body).toEqual({ items: [], nextBefore: null, lastId: 41, unread: 3, revision: 17 });
    expect(app.service.calls).toEqual([{ method: 'list', recipient: INBOX, argument: expected }]);
  });

  test.each([
    ...['', '0', '101', '1000', '-1', '+5', '1.5', '1e1', '0x10', 'ten', '%2010', '5&limit=6'].map((value) => [
      'limit',
      value,
    ]),
    ...['', '-1', 'x', '1.0', '1234567890123456', '5&before=6', '%00'].map((value) => ['before', value]),
    ...['', '1', '0', 'TRUE', 'yes', 'true&unread=true'].map((value) => ['unread', value]),
    ...['', 'x'.repeat(101), encodeURIComponent('🙂'.repeat(101)), 'a%00b', 'a&type=b'].map((value) => ['type', value]),
  ])('GET ?%s=%s gets 400, which names the parameter and repeats nothing', async (name, value) => {
    const { status, body } = await send('GET', `?${name}=${value}`);
    expect(status).toBe(400);
    expect(body).toEqual({
      statusCode: 400,
      error: 'Bad Request',
      message: expect.stringMatching(new RegExp(`^${name} must be`)),
    });
    if (value && value.length > 3) expect(JSON.stringify(body)).not.toContain(value);
    expect(app.service.calls).toEqual([]);
  });

  test('GET unread-count answers the numbers, and nothing else', async () => {
    expect(await send('GET', '/unread-count')).toEqual({ status: 200, body: NUMBERS });
    expect(app.service.calls).toEqual([{ method: 'unreadCount', recipient: INBOX, argument: undefined }]);
  });

  test.each([
    [true, 'markRead'],
    [false, 'markUnread'],
  ])('PATCH {"read": %j} calls %s', async (read, method) => {
    expect(await send('PATCH', '/7', { read })).toEqual({ status: 200, body: NUMBERS });
    expect(app.service.calls).toEqual([{ method, recipient: INBOX, argument: [7] }]);
  });

  test('PATCH of what is not in the inbox gets 404; DELETE is idempotent', async () => {
    app.service.found = 0;
    const missing = { status: 404, body: { statusCode: 404, error: 'Not Found', message: expect.any(String) } };
    expect(await send('PATCH', '/7', { read: true })).toEqual(missing);
    expect(await send('PATCH', '/7', { read: false })).toEqual(missing);
    expect(await send('DELETE', '/7')).toEqual({ status: 200, body: NUMBERS });
    expect(app.service.calls.at(-1)).toEqual({ method: 'remove', recipient: INBOX, argument: [7] });
  });

  test.each(['x', '-1', '1.0', '1e3', '1234567890123456', '%31x', '7%20', '%0A7', '7%0A', '٣', 'read', 'constructor'])(
    'the id %s gets 404',
    async (id) => {
      for (const { status, body } of [await send('PATCH', `/${id}`, { read: true }), await send('DELETE', `/${id}`)]) {
        expect(status).toBe(404);
        expect(body).toMatchObject({
          error: 'Not Found',
          message: 'There is no notification with this id in your inbox.',
        });
      }
      expect(app.service.calls).toEqual([]);
    },
  );

  test.each([
    [{}],
    [{ read: 'true' }],
    [{ read: 1 }],
    [{ read: null }],
    [[]],
    [[true]],
    [{ read: true, at: 1 }],
    [{ Read: true }],
  ])('PATCH %j gets 400', async (body) => {
    expect(await send('PATCH', '/7', body)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('read') },
    });
    expect(app.service.calls).toEqual([]);
  });

  test.each([
    [{ ids: [1] }, [1]],
    [{ ids: [3, 1, 3] }, [3, 1, 3]],
    [{ ids: Array.from({ length: 1_000 }, (_, i) => i) }, Array.from({ length: 1_000 }, (_, i) => i)],
    [{ upTo: 42 }, { upTo: 42 }],
    [{ upTo: 0 }, { upTo: 0 }],
  ])('POST read answers 200 (case %#)', async (body, argument) => {
    expect(await send('POST', '/read', body)).toEqual({ status: 200, body: NUMBERS });
    expect(app.service.calls).toEqual([{ method: 'markRead', recipient: INBOX, argument }]);
  });

  test.each([
    [{}],
    [[]],
    [[1]],
    [{ ids: [] }],
    [{ ids: Array.from({ length: 1_001 }, () => 1) }],
    [{ ids: ['1'] }],
    [{ ids: [1, null] }],
    [{ ids: [-1] }],
    [{ ids: [1.5] }],
    [{ ids: [1e15] }],
    [{ ids: 1 }],
    [{ ids: { length: 1 } }],
    [{ ids: null }],
    [{ upTo: '42' }],
    [{ upTo: null }],
    [{ upTo: -1 }],
    [{ upTo: 1e15 }],
    [{ ids: [1], upTo: 1 }],
    [{ ids: [1], all: true }],
    [{ upTo: 1, tenant: 'other' }],
  ])('POST read %j gets 400', async (body) => {
    const message = expect.stringMatching(/ids|upTo/);
    expect(await send('POST', '/read', body)).toEqual({
      status: 400,
      body: { statusCode: 400, error: 'Bad Request', message },
    });
    expect(app.service.calls).toEqual([]);
  });

  test('a body that is no JSON, or none at all, gets 4xx', async () => {
    for (const [method, path] of [
      ['POST', '/read'],
      ['PATCH', '/7'],
    ] as const) {
      expect(await send(method, path)).toMatchObject({ status: 400 });
      const headers = { 'Content-Type': 'application/json' };
      for (const body of ['{', '"ids"', '{"__proto__":{"ids":[1]}}']) {
        const response = await app.fetch(`/notifications${path}`, { method, headers, body });
        expect(response.status).toBe(400);
      }
    }
    expect(app.service.calls).toEqual([]);
  });

  test.each<[NotificationsErrorCode, number, string]>([
    ['INVALID_ARGUMENT', 400, 'Bad Request'],
    ['TOO_MANY_STREAMS_OF_RECIPIENT', 429, 'Too Many Requests'],
    ['TOO_MANY_REQUESTS', 429, 'Too Many Requests'],
    ['TOO_MANY_STREAMS', 503, 'Service Unavailable'],
    ['OVERLOADED', 503, 'Service Unavailable'],
    ['CLOSED', 503, 'Service Unavailable'],
    ['DATABASE_UNAVAILABLE', 503, 'Service Unavailable'],
    ['REJECTED_BY_DATABASE', 500, 'Internal Server Error'],
    ['INVALID_OPTIONS', 500, 'Internal Server Error'],
  ])('%s gets %i', async (code, statusCode, error) => {
    app.service.failure = new NotificationsError(code, 'connect ECONNREFUSED 10.0.0.7:5432');
    // The last fails in streamsValidFrom().
    for (const [method, path, json] of [
      ['GET', '/notifications', undefined],
      ['GET', '/notifications/stream', undefined],
      ['DELETE', '/notifications/7', undefined],
      ['POST', '/notifications/read', { upTo: 1 }],
      ['POST', '/notifications/stream-token', undefined],
    ] as const) {
      const response = await app.fetch(path, { method, json });
      expect(response.status).toBe(statusCode);
      expect(response.headers.get('content-type')).toContain('application/json');
      const seconds = code === 'TOO_MANY_REQUESTS' ? '2' : '5';
      expect(response.headers.get('retry-after')).toBe([429, 503].includes(statusCode) ? seconds : null);
      const body = await response.json();
      expect(body).toEqual({ statusCode, error, message: expect.any(String) });
      const ours = ['REJECTED_BY_DATABASE', 'INVALID_OPTIONS', 'DATABASE_UNAVAILABLE'].includes(code);
      if (ours) expect(JSON.stringify(body)).not.toContain('10.0.0.7');
    }
    if (statusCode === 500) expect(app.log.join('\n')).toContain(`${code}: connect ECONNREFUSED`);
  });
});
