import { type EventEmitter, once } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { STREAM_HOSTS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { spawnTs } from '../support/run-ts.js';
import { StreamClient } from '../support/stream-client.js';
import { useWatchedHosts } from '../support/watched-host.js';
import { describeWithPackages } from './support/describe-with-packages.js';
import { createStore, STORES } from './support/session-stores.js';

// biome-ignore lint/suspicious/noExplicitAny: the middleware of Express and of Fastify take different types
type Middleware = (request: any, response: any, next: (error?: unknown) => void) => void;
type Factory = (...options: unknown[]) => Middleware;
type Session = Factory & { Store: new () => EventEmitter };

const SECRET = 'secret of the host';
/** `SpanKind.SERVER` */
const SERVER = 1;

await describeWithPackages('middleware', 'Middleware that real hosts have', (packages) => {
  const session = packages.require<Session>('express-session');
  const compression = packages.require<Factory>('compression');
  const helmet = packages.require<Factory>('helmet');
  const morgan = packages.require<Factory>('morgan');
  const pinoHttp = packages.require<Factory>('pino-http');
  const cookieSession = packages.require<Factory>('cookie-session');
  const connectTimeout = packages.require<Factory>('connect-timeout');
  const responseTime = packages.require<Factory>('response-time');
  const { sign } = packages.require<{ sign(value: string, secret: string): string }>('cookie-signature');

  /** Of a session that exists. */
  const sessionCookie = `connect.sid=s%3A${encodeURIComponent(sign('a-session-of-ann', SECRET))}`;
  const headers = { cookie: sessionCookie };
  /** Changes the session, so that it is stored and not only renewed. */
  const countVisits: Middleware = (request, _response, next) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    next();
  };

  describe.each(STREAM_HOSTS)('on %s', (_, create, writer) => {
    const start = useWatchedHosts();
    const host = (configure: (app: INestApplication) => void) =>
      start({ adapter: create(), notifications: writer, configure });

    describe.each(STORES)('express-session with a store that %s', (_what, save, isBad) => {
      test.each([
        ['renews', []],
        ['stores', [countVisits]],
      ])('and that it %s a session in', async (_does, more) => {
        const crm = await host((app) => {
          const store = createStore(session.Store, { user: 'ann' }, save);
          app.use(session({ secret: SECRET, resave: false, saveUninitialized: false, store }));
          for (const middleware of more) app.use(middleware);
        });
        for (let i = 0; i < 2; i++) await crm.expectWhole(await crm.open({ headers }));
        if (save.length > 0) {
          const answer = await crm.get('unread-count', { headers });
          expect([answer.status, await answer.json()]).toEqual([
            200,
            expect.objectContaining({ unread: expect.any(Number) }),
          ]);
        }
        const last = await crm.open({ headers });
        await crm.close();
        await last.until(() => last.ended);
        expect(last.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown' } });
        // Of the store's own error the host learns, of no other.
        const others = crm.logged.filter((line) => !(isBad && line.includes('the store of the host')));
        expect(others).toEqual([]);
      });
    });

    test('compression, of everything: answers are compressed, streams are not', async () => {
      const crm = await host((app) => app.use(compression({ threshold: 0, filter: () => true })));
      await crm.expectWhole(await crm.open());
      const answer = await crm.get('unread-count');
      expect(answer.headers.get('content-encoding')).not.toBeNull();
      expect(await answer.json()).toMatchObject({ unread: expect.any(Number) });
      expect(crm.logged).toEqual([]);
    });

    test('helmet: its headers are there', async () => {
      const crm = await host((app) => app.use(helmet()));
      const client = await crm.open();
      expect(client.headers).toMatchObject({
        'content-security-policy': expect.stringContaining("default-src 'self'"),
        // Of the module's own, because the URL may hold a token.
        'referrer-policy': 'no-referrer',
      });
      await crm.expectWhole(client);
      expect(crm.logged).toEqual([]);
    });

    test('morgan and pino-http: each response is logged once', async () => {
      const lines: string[] = [];
      const stream = { write: (line: string) => void lines.push(line) };
      const crm = await host((app) => {
        app.use(morgan('morgan :method :status :url', { stream }));
        app.use(pinoHttp({}, stream));
      });
      await crm.expectWhole(await crm.open());
      await eventually(() => expect(lines).toHaveLength(2));
      expect(lines.join()).toContain('morgan GET 200 /notifications/stream');
      expect(lines.join()).toContain('"msg":"request completed"');
      expect((await crm.get('unread-count')).status).toBe(200);
      await eventually(() => expect(lines).toHaveLength(4));
      expect(crm.logged).toEqual([]);
    });

    test('cookie-session: a session that has changed comes with the stream', async () => {
      const crm = await host((app) => {
        app.use(cookieSession({ name: 'visits', keys: [SECRET] }));
        app.use(countVisits);
      });
      const client = await crm.open();
      expect(client.headers['set-cookie']?.join()).toContain('visits=');
      await crm.expectWhole(client);
      expect((await crm.get('unread-count')).headers.get('set-cookie')).toContain('visits=');
      expect(crm.logged).toEqual([]);
    });

    test('connect-timeout and response-time: a stream is no request that takes too long', async () => {
      const crm = await host((app) => {
        // Answers when its time is over: then that of a stream that came before it is over, too.
        const waits = connectTimeout('300ms', { respond: false });
        app.use('/waits', ((request, response) =>
          waits(request, response, () => request.once('timeout', () => response.end()))) as Middleware);
        app.use(connectTimeout('300ms'));
        app.use(responseTime());
      });
      const client = await crm.open();
      expect(client.headers['x-response-time']).toMatch(/^\d+\.\d+ms$/);
      expect((await fetch(`${crm.url}/waits`)).status).toBe(200);
      await crm.expectWhole(client);
      expect(crm.logged).toEqual([]);
    });

    test('all of them, in the usual order', async () => {
      const stream = { write: () => {} };
      const crm = await host((app) => {
        const store = createStore(session.Store, { user: 'ann' }, (done) => setTimeout(done, 20));
        const always = { resave: true, rolling: true, saveUninitialized: true };
        for (const middleware of [
          pinoHttp({}, stream),
          morgan('combined', { stream }),
          helmet(),
          compression({ threshold: 0 }),
          session({ ...always, secret: SECRET, store }),
          responseTime(),
        ]) {
          app.use(middleware);
        }
      });
      for (let i = 0; i < 2; i++) await crm.expectWhole(await crm.open({ headers }));
      const answer = await crm.get('unread-count', { headers });
      expect(await answer.json()).toMatchObject({ unread: expect.any(Number) });
      expect(crm.logged).toEqual([]);
    });
  });

  describe.each(STREAM_HOSTS)('OpenTelemetry, on %s', (name) => {
    const cleanUp = useCleanup();

    test('sees each stream once, also one past the host', async () => {
      const database = await createMigratedDatabase();
      cleanUp(() => database.drop());
      const file = new URL('./support/traced-host.ts', import.meta.url);
      const args = [packages.resolve('@opentelemetry/api'), database.url, name];
      const host = spawnTs(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      cleanUp(() => host.kill('SIGKILL'));
      const [{ url }] = (await once(host, 'message')) as [{ url: string }];
      const token = await accessToken('ann');
      const headers = { authorization: `Bearer ${token}` };
      const issued = await fetch(`${url}/notifications/stream-token`, { method: 'POST', headers });
      const { token: streamToken } = (await issued.json()) as { token: string };
      const clients = [
        await StreamClient.open(url, token),
        new StreamClient(`${url}/notifications/stream?token=${streamToken}`),
      ];
      for (const client of clients) await client.until(() => client.of('ready').length === 1);
      const exited = once(host, 'exit');
      const spans = async () => {
        const answered = once(host, 'message');
        host.send('spans');
        const [{ spans }] = (await answered) as [{ spans: { kind: number; attributes: Record<string, unknown> }[] }];
        return spans.filter(
          ({ kind, attributes }) => kind === SERVER && attributes['url.path'] === '/notifications/stream',
        );
      };
      for (const client of clients) client.close();
      await eventually(async () => expect(await spans()).toHaveLength(2));
      // In docs/recipes.md: what hosts have to see to.
      expect((await spans()).map(({ attributes }) => attributes['url.query'])).toContain(`token=${streamToken}`);
      host.send('close');
      expect(await exited).toEqual([0, null]);
    }, 60_000);
  });

  describe.each(STORES)('the plugins of Fastify, with a store that %s', (_what, save) => {
    const start = useWatchedHosts();

    test('leave streams whole', async () => {
      const [, create] = STREAM_HOSTS.find(([name]) => name === 'Fastify') as (typeof STREAM_HOSTS)[number];
      const plugin = (name: string) => packages.require<never>(`@fastify/${name}`);
      const crm = await start({
        adapter: create(),
        configure: (app) => {
          const fastify = app as NestFastifyApplication;
          const store = createStore(session.Store, { user: 'ann' }, save);
          void fastify.register(plugin('helmet'));
          void fastify.register(plugin('compress'), { threshold: 0, customTypes: /./ } as never);
          void fastify.register(plugin('cookie'));
          const secret = `${SECRET}, which has to be this long`;
          void fastify.register(plugin('session'), {
            secret,
            saveUninitialized: true,
            cookie: { secure: false },
            store,
          } as never);
        },
      });
      const client = await crm.open();
      expect(client.headers['content-security-policy']).toContain("default-src 'self'");
      await crm.expectWhole(client);
      expect(crm.logged.filter((line) => line.includes('ERR_HTTP_HEADERS_SENT'))).toEqual([]);
    });
  });
});
