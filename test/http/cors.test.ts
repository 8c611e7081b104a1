import { afterEach, describe, expect, test } from '@jest/globals';
import { corsMiddleware } from '../../src/notifications/http/cors.js';
import { ADAPTERS, type Adapter, HttpApp } from './support/http-app.js';
import { openStream } from './support/stream.js';

const CRM = 'https://crm.example.com';
const EVIL = 'https://evil.example';

let app: HttpApp;

afterEach(() => app?.close());

async function start(adapter: Adapter, cors: false | string[], prefix?: string): Promise<void> {
  app = await HttpApp.start({
    adapter,
    options: {
      cors,
      authenticate: ({ headers }) => (headers.cookie ? { recipient: 'ann' } : null),
      streamToken: { secret: 'a secret for stream tokens' },
    },
    configure: (host) => prefix && host.setGlobalPrefix(prefix),
  });
}

function corsHeaders(response: Response): string[] {
  return [...response.headers.keys()].filter((name) => name.startsWith('access-control-'));
}

function preflight(path: string, origin: string, method = 'PATCH'): Promise<Response> {
  const headers = {
    Origin: origin,
    'Access-Control-Request-Method': method,
    'Access-Control-Request-Headers': 'authorization,content-type,last-event-id',
  };
  return app.fetch(path, { method: 'OPTIONS', headers });
}

describe.each(ADAPTERS)('cors on %s', (adapter) => {
  test.each([[undefined], ['api/v1']])(
    'with the global prefix %j every route answers its preflight without credentials',
    async (prefix) => {
      await start(adapter, [CRM], prefix);
      const base = `${prefix ? `/${prefix}` : ''}/notifications`;
      for (const path of ['', '/unread-count', '/7', '/read', '/stream', '/stream-token', '/stream?token=x']) {
        const response = await preflight(base + path, CRM);
        expect(response.status).toBe(204);
        expect(response.headers.get('access-control-allow-origin')).toBe(CRM);
        expect(response.headers.get('access-control-allow-credentials')).toBe('true');
        expect(response.headers.get('access-control-allow-methods')).toBe('GET,HEAD,POST,PATCH,DELETE');
        expect(response.headers.get('access-control-allow-headers')).toBe('Authorization,Content-Type,Last-Event-ID');
        expect(response.headers.get('vary')).toContain('Origin');
      }
      expect(app.service.calls).toEqual([]);
    },
  );

  test('answers, errors and the stream itself may be read by the origin, with credentials', async () => {
    await start(adapter, [CRM, 'http://localhost:4200']);
    for (const [path, cookie, status] of [
      ['/notifications', 'sid=1', 200],
      ['/notifications', '', 401],
      ['/notifications?limit=0', 'sid=1', 400],
      ['/notifications/stream?token=bad', '', 401],
      ['/notifications/7', '', 404],
    ] as const) {
      const response = await app.fetch(path, { headers: { Origin: CRM, ...(cookie && { Cookie: cookie }) } });
      expect(response.status).toBe(status);
      expect(response.headers.get('access-control-allow-origin')).toBe(CRM);
      expect(response.headers.get('access-control-allow-credentials')).toBe('true');
      expect(response.headers.get('vary')).toContain('Origin');
    }
    const { response, close } = await openStream(app, '/notifications/stream', {
      Origin: 'http://localhost:4200',
      Cookie: 'sid=1',
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:4200');
    expect(response.headers.get('access-control-allow-credentials')).toBe('true');
    close();
  });

  test.each([
    EVIL,
    'null',
    'https://crm.example.com.evil.example',
    'http://crm.example.com',
    'https://CRM.example.com',
  ])('the origin %s gets no CORS headers, but the answer says that it varies', async (origin) => {
    await start(adapter, [CRM]);
    const answer = await app.fetch('/notifications', { headers: { Origin: origin, Cookie: 'sid=1' } });
    expect(corsHeaders(answer)).toEqual([]);
    expect(answer.headers.get('vary')).toContain('Origin');
    const refused = await preflight('/notifications/7', origin);
    expect(refused.ok).toBe(false);
    expect(corsHeaders(refused)).toEqual([]);
  });

  test('other routes of the host stay as they are, and so does everything without the option', async () => {
    await start(adapter, [CRM]);
    for (const path of ['/', '/deals', '/notifications-archive', '/notifications/7/comments', '/notificationsx']) {
      expect(corsHeaders(await preflight(path, CRM))).toEqual([]);
    }
    await app.close();
    await start(adapter, false);
    expect(corsHeaders(await app.fetch('/notifications', { headers: { Origin: CRM } }))).toEqual([]);
    expect((await preflight('/notifications', CRM)).status).toBe(404);
  });
});

test.each([
  'https://crm.example.com/',
  'https://crm.example.com/app',
  'https://CRM.example.com',
  'https://crm.example.com:443',
])('the origin %s, which no browser sends, is refused with the right spelling', (origin) => {
  const remedy = expect.stringContaining('Write https://crm.example.com.') as unknown as string;
  expect(() => corsMiddleware([origin])).toThrow(expect.objectContaining({ code: 'INVALID_OPTIONS', message: remedy }));
});

test.each(['http://localhost:4200', 'capacitor://localhost', 'chrome-extension://abcdef'])(
  '%s is a good origin',
  (origin) => {
    expect(() => corsMiddleware([origin])).not.toThrow();
  },
);
