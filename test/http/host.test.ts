import { afterEach, describe, expect, test } from '@jest/globals';
import {
  type ArgumentsHost,
  CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  HttpException,
  Injectable,
  SetMetadata,
  UnauthorizedException,
  UseFilters,
  ValidationPipe,
  VersioningType,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { createControllers } from '../../src/notifications/http/http.providers.js';
import { NotificationsError } from '../../src/notifications/notifications.error.js';
import { ADAPTERS, HttpApp, type HttpAppSettings } from './support/http-app.js';
import { openStream } from './support/stream.js';

const OPTIONS = {
  authenticate: () => ({ recipient: 'ann' }),
  streamToken: { secret: 'a secret for stream tokens' },
};

describe.each(ADAPTERS)('a host on %s', (adapter) => {
  let app: HttpApp;

  afterEach(() => app.close());

  async function start(settings: HttpAppSettings): Promise<void> {
    app = await HttpApp.start({ adapter, options: OPTIONS, ...settings });
  }

  /** The status of every route, with bodies and queries as a client sends them. */
  async function statuses(base: string): Promise<number[]> {
    const calls = [
      ['GET', '?limit=5&unread=true&before=9&type=t&other=1', undefined],
      ['GET', '/unread-count', undefined],
      ['PATCH', '/7', { read: true }],
      ['POST', '/read', { ids: [1, 2] }],
      ['POST', '/stream-token', undefined],
      ['DELETE', '/7', undefined],
    ] as const;
    const answers = await Promise.all(calls.map(([method, path, json]) => app.fetch(base + path, { method, json })));
    const { response, until, close } = await openStream(app, `${base}/stream?lastEventId=3&other=1`);
    if (response.ok) await until('ready');
    close();
    return [...answers, response].map(({ status }) => status);
  }

  const ALL_WELL = [200, 200, 200, 200, 200, 200, 200];

  test('with a global prefix and URI versioning: the routes have the prefix, and no version', async () => {
    await start({
      configure: (host) =>
        host.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    });
    expect(await statuses('/api/notifications')).toEqual(ALL_WELL);
    expect((await app.fetch('/api/v1/notifications')).status).toBe(404);
  });

  test('with header versioning: any version, or none', async () => {
    await start({ configure: (host) => host.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version' }) });
    expect(await statuses('/notifications')).toEqual(ALL_WELL);
    expect((await app.fetch('/notifications', { headers: { 'X-Version': '2' } })).status).toBe(200);
  });

  test('with the strictest ValidationPipe: nothing of ours gets to it', async () => {
    const validated: unknown[] = [];
    const refuse = (value: unknown) => {
      validated.push(value);
      throw new Error('class-validator saw a value of ours');
    };
    // class-validator is no dependency: this stand-in refuses whatever the pipe doesn't skip.
    const packages = {
      validatorPackage: { validate: refuse },
      transformerPackage: {
        plainToInstance: refuse,
        plainToClass: refuse,
        classToPlain: refuse,
        instanceToPlain: refuse,
      },
    };
    const strict = { whitelist: true, forbidNonWhitelisted: true, transform: true, validateCustomDecorators: true };
    const enableImplicitConversion = { transformOptions: { enableImplicitConversion: true } };
    await start({
      configure: (host) =>
        host.useGlobalPipes(new ValidationPipe({ ...strict, ...enableImplicitConversion, ...packages } as never)),
    });
    expect(await statuses('/notifications')).toEqual(ALL_WELL);
    expect(validated).toEqual([]);
    expect(app.service.calls.find(({ method }) => method === 'list')?.argument).toEqual({
      limit: 5,
      unread: true,
      before: 9,
      type: 't',
    });
  });

  test('with a guard of its own everywhere: controllerDecorators say that ours are public', async () => {
    const Public = () => SetMetadata('public', true);
    @Injectable()
    class HostGuard implements CanActivate {
      canActivate(context: ExecutionContext): boolean {
        if (new Reflector().getAllAndOverride('public', [context.getHandler(), context.getClass()])) return true;
        throw new UnauthorizedException('the guard of the host');
      }
    }
    const configure: HttpAppSettings['configure'] = (host) => host.useGlobalGuards(new HostGuard());
    await start({ configure });
    expect(await statuses('/notifications')).toEqual([401, 401, 401, 401, 401, 401, 401]);
    await app.close();
    await start({ configure, extras: { controllerDecorators: [Public() as ClassDecorator] } });
    expect(await statuses('/notifications')).toEqual(ALL_WELL);
  });

  test("with an exception filter: it sees HttpExceptions, with the library's error as their cause", async () => {
    const seen: unknown[] = [];
    @Catch()
    class HostFilter implements ExceptionFilter {
      catch(exception: HttpException, host: ArgumentsHost): void {
        seen.push(exception);
        const response = host.switchToHttp().getResponse();
        const raw = response.raw ?? response;
        response.hijack?.();
        raw.statusCode = exception.getStatus();
        raw.end('filtered');
      }
    }
    await start({ configure: (host) => host.useGlobalFilters(new HostFilter()) });
    app.service.failure = new NotificationsError('DATABASE_UNAVAILABLE', 'gone');
    for (const path of ['/notifications', '/notifications/stream']) {
      const response = await app.fetch(path);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('5');
      expect(await response.text()).toBe('filtered');
      const exception = seen.pop();
      expect(exception).toBeInstanceOf(HttpException);
      expect((exception as HttpException).cause).toBe(app.service.failure);
    }
  });

  test('may choose the path', async () => {
    await start({ extras: { path: '/crm/inbox/' } });
    expect(await statuses('/crm/inbox')).toEqual(ALL_WELL);
    expect((await app.fetch('/notifications')).status).toBe(404);
  });
});

test('the controllers of two modules have nothing in common', async () => {
  const Filtered = UseFilters() as ClassDecorator;
  const first = createControllers({
    path: 'a',
    controllerDecorators: [SetMetadata('mark', 1) as ClassDecorator, Filtered],
  });
  const second = createControllers({ path: 'b', controllerDecorators: [] });
  for (const [i, controller] of first.entries()) {
    expect(Reflect.getMetadata('path', controller)).toBe('a');
    expect(Reflect.getMetadata('path', second[i] as object)).toBe('b');
    expect(Reflect.getMetadata('mark', controller)).toBe(1);
    expect(Reflect.getMetadata('mark', second[i] as object)).toBeUndefined();
  }
});
