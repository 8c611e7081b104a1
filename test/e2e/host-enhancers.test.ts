import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  type ArgumentsHost,
  type CallHandler,
  Catch,
  ClassSerializerInterceptor,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  Injectable,
  type ModuleMetadata,
  type NestInterceptor,
  Req,
  UseInterceptors,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, Reflector } from '@nestjs/core';
import { map, type Observable, of, share, tap, timeout } from 'rxjs';
import { DataSource } from 'typeorm';
import { NotificationsModule, type NotificationsOptions } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { ADAPTERS, startHost } from '../support/host-app.js';
import { outputOfTs } from '../support/run-ts.js';
import { StreamClient } from '../support/stream-client.js';

/** A cache that overrides the key, as the documentation of Nest shows it: then no metadata is read. */
@Injectable()
class CacheByUrl extends CacheInterceptor {
  override trackBy(context: ExecutionContext): string {
    return context.switchToHttp().getRequest().url;
  }
}

abstract class HomeMadeCache implements NestInterceptor {
  protected readonly stored = new Map<string, unknown>();
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { url } = context.switchToHttp().getRequest();
    if (this.stored.has(url)) return of(this.take(url));
    return next.handle().pipe(tap((value) => this.stored.set(url, this.keep(value))));
  }
  protected abstract keep(value: unknown): unknown;
  protected abstract take(url: string): unknown;
}

/** Keeps what it is given. */
@Injectable()
class CacheOfObjects extends HomeMadeCache {
  protected keep = (value: unknown) => value;
  protected take = (url: string) => this.stored.get(url);
}

/** As in a Redis. */
@Injectable()
class CacheOfJson extends HomeMadeCache {
  protected keep = (value: unknown) => JSON.stringify(value);
  protected take = (url: string) => JSON.parse(String(this.stored.get(url)));
}

/** Lets requests for one URL that come at once share an answer. */
@Injectable()
class Coalescing implements NestInterceptor {
  private readonly underWay = new Map<string, Observable<unknown>>();
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { url } = context.switchToHttp().getRequest();
    const shared = this.underWay.get(url) ?? next.handle().pipe(share());
    this.underWay.set(url, shared);
    return shared;
  }
}

@Injectable()
class Envelope implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((data) => ({ ok: true, data })));
  }
}

@Injectable()
class Timeout implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(timeout(5_000));
  }
}

@Catch(HttpException)
class ErrorsAs200 implements ExceptionFilter {
  catch(exception: HttpException, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse();
    reply.status(200).send({ code: exception.getStatus() });
  }
}

@Controller('clock')
class ClockController {
  private calls = 0;
  @Get()
  calledBefore(@Req() _: unknown): number {
    return this.calls++;
  }
}

/** What a test may look at in any answer. */
// biome-ignore lint/suspicious/noExplicitAny: the tests know what they expect
type Answer = any;

const interceptor = (useClass: new (...args: never[]) => NestInterceptor): ModuleMetadata => ({
  providers: [{ provide: APP_INTERCEPTOR, useClass }],
});
const cache = CacheModule.register({ ttl: 60_000, isGlobal: true });

describe.each(ADAPTERS)('What a host puts around all controllers, on %s', (adapter) => {
  const onEnd = useCleanup();
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  async function start(
    { imports = [], ...host }: ModuleMetadata,
    configure?: Parameters<typeof startHost>[1],
    options: Partial<NotificationsOptions & { controllerDecorators: ClassDecorator[] }> = {},
  ) {
    const { app, url, notifications, close } = await startHost(
      {
        imports: [
          ...imports,
          NotificationsModule.forRoot({
            dataSource: new DataSource({ type: 'postgres', url: database.url }),
            // By a cookie: the URL is the same for all.
            authenticate: ({ headers }) => (headers.cookie ? { recipient: headers.cookie as string } : null),
            streamToken: { secret: 'a secret for stream tokens' },
            ...options,
          }),
        ],
        controllers: [ClockController],
        ...host,
      },
      { adapter, ...configure },
    );
    onEnd(close);
    const get = async (path: string, who: string) => {
      const response = await fetch(url + path, { headers: { Cookie: who } });
      return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
    };
    const open = async (who: string) => {
      const client = new StreamClient(`${url}/notifications/stream`, { headers: { Cookie: who } });
      onEnd(() => client.close());
      await client.until(() => client.of('ready').length > 0 || client.ended);
      return client;
    };
    return { app, url, notifications, get, open };
  }

  test('answers are what they were: JSON, of a length that is known, for nobody else to store', async () => {
    const host = await start({});
    const { headers, body } = await host.get('/notifications', 'ann');
    expect(body).toMatchObject({ items: [], nextBefore: null });
    expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(headers.get('content-length')).toBe(String(JSON.stringify(body).length));
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('vary')).toContain('Authorization, Cookie');
  });

  /** Opens a stream of somebody who gets something, and leaves; then one of somebody else. */
  async function streamAfterSomebodyElse({ notifications, open }: Awaited<ReturnType<typeof start>>) {
    const ann = await open('ann');
    await notifications.notify('ann', { type: 't', title: 'for ann' });
    await ann.until(() => ann.ids.length === 1);
    ann.close();
    await eventually(() => expect(notifications.connections()).toBe(0));
    const ben = await open('ben');
    if (!ben.ended) {
      await notifications.notify('ben', { type: 't', title: 'for ben' });
      await ben.until(() => ben.ids.length === 1 || ben.ended);
    }
    return ben;
  }

  const numbersOf = async (recipient: string) =>
    (
      await database.query('SELECT last_id::int AS "lastId" FROM notifications.inbox WHERE recipient_id = $1', [
        recipient,
      ])
    )[0];

  describe.each([
    ['the CacheInterceptor', CacheInterceptor],
    ['one with a key of its own', CacheByUrl],
  ])('%s', (_, Cache) => {
    test("caches what is the host's, and no list", async () => {
      const host = await start({ imports: [cache], ...interceptor(Cache as never) });
      await host.notifications.notify('ann', { type: 't', title: 'for ann' });
      for (const path of ['/notifications', '/notifications?limit=5', '/notifications/unread-count']) {
        const ann = await host.get(path, 'ann');
        const ben = await host.get(path, 'ben');
        expect([ann.status, ben.status]).toEqual([200, 200]);
        expect(ann.body).toMatchObject((await numbersOf('ann')) as object);
        expect(ben.body).toMatchObject((await numbersOf('ben')) as object);
        expect(ann.body).not.toEqual(ben.body);
        await host.notifications.notify('ann', { type: 't', title: 'another one' });
        expect((await host.get(path, 'ann')).body).toMatchObject((await numbersOf('ann')) as object);
      }
      expect((await host.get('/clock', 'ann')).body).toBe(0);
      expect((await host.get('/clock', 'ben')).body).toBe(0);
    });
  });

  describe.each(['socket', 'nest'] as const)('streams, written by %s', (streamWriter) => {
    test.each([
      ['the CacheInterceptor', CacheInterceptor],
      ['none', undefined],
    ])('with %s everybody gets their own', async (_, Cache) => {
      const host = await start({ imports: [cache], ...(Cache && interceptor(Cache as never)) }, {}, { streamWriter });
      const ben = await streamAfterSomebodyElse(host);
      expect(ben.ended).toBe(false);
      expect(ben.of('message').map(({ data }) => data.title)).toEqual(['for ben']);
    });

    test.each([CacheByUrl, CacheOfObjects, CacheOfJson])(
      'nobody gets what %p has kept of another one',
      async (Cache) => {
        const host = await start({ imports: [cache], ...interceptor(Cache) }, { silent: true }, { streamWriter });
        const ben = await streamAfterSomebodyElse(host);
        expect(JSON.stringify(ben.frames) + ben.body).not.toContain('ann');
        // Either a stream of his own, or none: the last event of another one's, which a cache keeps, holds numbers only.
        if (ben.of('ready').length === 0) expect(ben.frames).toEqual([]);
      },
    );
  });

  test.each([CacheOfObjects, CacheOfJson])('%p: what it has kept of another recipient is refused', async (Cache) => {
    const host = await start(interceptor(Cache), { silent: true });
    await host.notifications.notify('ann', { type: 't', title: 'for ann' });
    expect(await host.get('/notifications', 'ann')).toMatchObject({ status: 200 });
    const { status, body } = await host.get('/notifications', 'ben');
    expect(body).toMatchObject({ statusCode: 500, message: expect.stringContaining('the log of the server says why') });
    expect(status).toBe(500);
    // What is not ours is cached.
    expect((await host.get('/clock', 'ann')).body).toBe((await host.get('/clock', 'ben')).body);
  });

  describe.each([CacheByUrl, CacheOfObjects, CacheOfJson])('%p, put on by controllerDecorators', (Cache) => {
    const onHandlers: ClassDecorator = (controller) => {
      for (const name of Object.getOwnPropertyNames(controller.prototype)) {
        const handler = Object.getOwnPropertyDescriptor(controller.prototype, name);
        if (handler && name !== 'constructor') UseInterceptors(Cache)(controller.prototype, name, handler);
      }
    };

    test.each([
      ['the controllers', UseInterceptors(Cache)],
      ['each handler', onHandlers],
    ])('on %s: nobody gets what it has kept of another one', async (_, decorator) => {
      const host = await start({ imports: [cache] }, { silent: true }, { controllerDecorators: [decorator] });
      await host.notifications.notify('ann', { type: 't', title: 'for ann' });
      await host.notifications.notify('ben', { type: 't', title: 'for ben' });
      const ann = await host.get('/notifications', 'ann');
      expect([ann.status, ann.body.items[0].title]).toEqual([200, 'for ann']);
      const ben = await host.get('/notifications', 'ben');
      expect(JSON.stringify(ben.body)).not.toContain('for ann');
      // Nest's cache keeps no files, which our answers are.
      expect(ben.status).toBe(Cache === CacheByUrl ? 200 : 500);
    });
  });

  test('requests for one URL that share an answer: only the one that was asked gets it', async () => {
    const host = await start(interceptor(Coalescing), { silent: true });
    const names = ['ann', 'ben', 'cem', 'dan'];
    for (const name of names) await host.notifications.notify(name, { type: 't', title: `for ${name}` });
    const answers = await Promise.all(names.map((name) => host.get('/notifications', name)));
    for (const [i, { status, body }] of answers.entries()) {
      if (status === 200) expect(body.items[0].title).toBe(`for ${names[i]}`);
      else expect(status).toBe(500);
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
  });

  test('a ClassSerializerInterceptor that takes away what no class exposes takes nothing', async () => {
    const host = await start(
      {},
      {
        configure: (app) => {
          app.useGlobalInterceptors(new ClassSerializerInterceptor(app.get(Reflector), { strategy: 'excludeAll' }));
        },
      },
    );
    await host.notifications.notify('eve', { type: 't', title: 'T', data: { a: 1 } });
    const { body } = await host.get('/notifications', 'eve');
    expect(body).toMatchObject({ items: [{ id: 1, title: 'T', data: { a: 1 } }], lastId: 1, unread: 1 });
  });

  test("an envelope is the host's affair: it holds the whole answer", async () => {
    const host = await start(interceptor(Envelope));
    const { body } = await host.get('/notifications/unread-count', 'fay');
    expect(body).toEqual({ ok: true, data: { lastId: 0, unread: 0, revision: 0 } });
  });

  test("a filter that answers every error with 200 is the host's affair, too", async () => {
    const host = await start({ providers: [{ provide: APP_FILTER, useClass: ErrorsAs200 }] });
    const { status, body } = await host.get('/notifications?limit=nonsense', 'ian');
    expect([status, body]).toEqual([200, { code: 400 }]);
    expect((await host.get('/notifications', '')).body).toEqual({ code: 401 });
    expect((await host.get('/notifications/stream', '')).body).toEqual({ code: 401 });
  });

  describe('global throttlers', () => {
    const SCRIPT = new URL('../support/throttled-host.ts', import.meta.url);
    const limit = { ttl: 60_000, limit: 2 };
    const statuses = async (...args: string[]) =>
      JSON.parse(await outputOfTs(SCRIPT, [database.url, adapter, ...args]));

    test.each([
      ['one', [limit]],
      [
        'several with names',
        [
          { ...limit, name: 'short', ttl: 30_000 },
          { ...limit, name: 'long' },
        ],
      ],
      ['options', { throttlers: [{ ...limit, name: 'long' }] }],
    ])('(%s) limit the host, and not our controllers', async (_, throttlers) => {
      expect(await statuses(JSON.stringify(throttlers))).toEqual({
        lists: [200, 200, 200, 200, 200],
        streams: [200, 200, 200, 200, 200],
        host: [200, 200, 429],
      });
    });

    test('a host that wants its own there says so by controllerDecorators', async () => {
      expect(await statuses(JSON.stringify([limit]), 'wanted')).toEqual({
        lists: [200, 200, 429, 429, 429],
        streams: [200, 200, 429, 429, 429],
        host: [200, 200, 429],
      });
    });
  });

  test('a time-out leaves answers alone that come in time, and streams on their own socket', async () => {
    const host = await start(interceptor(Timeout));
    expect((await host.get('/notifications', 'hal')).status).toBe(200);
  });
});
