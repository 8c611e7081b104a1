import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import {
  type CallHandler,
  ClassSerializerInterceptor,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type ModuleMetadata,
  type NestInterceptor,
  Req,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { SkipThrottle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { map, type Observable, of, share, tap, timeout } from 'rxjs';
import { DataSource } from 'typeorm';
import { NotificationsModule, type NotificationsOptions } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { ADAPTERS, startHost } from '../support/host-app.js';
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

@Controller('clock')
class ClockController {
  private calls = 0;
  @Get()
  calledBefore(@Req() _: unknown): number {
    return this.calls++;
  }
}

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
            authenticate: ({ headers }) => ({ recipient: String(headers.cookie) }),
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
      return { status: response.status, headers: response.headers, body: await response.json() };
    };
    const open = async (who: string) => {
      const client = await StreamClient.open(url, '', { headers: { Cookie: who } } as never);
      onEnd(() => client.close());
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
});
