import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Delete, Get, type INestApplication, RequestMethod, VersioningType } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { NotificationsModule } from '../../src/notifications/index.js';
import { ADAPTERS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

const ORIGIN = 'https://crm.example.com';
const ROUTES = ['', '/unread-count', '/7', '/read', '/stream', '/stream-token'];

/** Routes of the host beside and below ours. */
@Controller()
class DealsController {
  @Get(['deals', 'crm/me', 'notifications/7/comments', 'crm/notifications/7/comments', 'api/notifications/7/comments'])
  list(): string {
    return 'deals';
  }

  @Delete('deals')
  remove(): void {}
}

interface Place {
  /** Where the router has our controllers. */
  at: string;
  path?: string;
  /** With RouterModule. */
  below?: string;
  configure?(app: INestApplication): void;
}

const PLACES: [string, Place][] = [
  ['at their path', { at: '/notifications' }],
  ['at a nested path', { at: '/crm/inbox', path: '/crm/inbox/' }],
  ['at the root', { at: '', path: '' }],
  ["at a path of the host's", { at: '/crm', path: 'crm' }],
  ['below a RouterModule', { at: '/crm/notifications', below: 'crm' }],
  ['below a parameter of it', { at: '/tenants/acme/notifications', below: '/tenants/:tenant/' }],
  [
    'below a RouterModule and a global prefix',
    { at: '/api/crm/notifications', below: 'crm', configure: (app) => app.setGlobalPrefix('api') },
  ],
  [
    'excluded from the global prefix',
    {
      at: '/crm/notifications',
      below: 'crm',
      configure: (app) => app.setGlobalPrefix('api', { exclude: ['crm/notifications', 'crm/notifications/:any'] }),
    },
  ],
  [
    'excluded one by one from the global prefix',
    {
      at: '/notifications',
      configure: (app) =>
        app.setGlobalPrefix('api', { exclude: ROUTES.map((route) => `notifications${route.replace('7', ':id')}`) }),
    },
  ],
  [
    'not excluded, beside routes that are',
    {
      at: '/api/notifications',
      configure: (app) =>
        app.setGlobalPrefix('api', { exclude: ['health', { path: 'deals', method: RequestMethod.GET }] }),
    },
  ],
  [
    'with versions in the URL, of which they have none',
    {
      at: '/api/crm/notifications',
      below: 'crm',
      configure: (app) => {
        app.setGlobalPrefix('api');
        app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
      },
    },
  ],
  [
    'with versions in a header',
    {
      at: '/notifications',
      configure: (app) =>
        void app.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version', defaultVersion: '1' }),
    },
  ],
];

describe.each(ADAPTERS)('The option cors on %s', (_, create) => {
  let database: TestDatabase;
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  test.each(PLACES)('works where the controllers are, and nowhere else: %s', async (_, place) => {
    const { at, path, below, configure } = place;
    const crm = await startCrmApp(database, {
      adapter: create(),
      notifications: { cors: [ORIGIN], path },
      imports: below === undefined ? [] : [RouterModule.register([{ path: below, module: NotificationsModule }])],
      controllers: [DealsController],
      configure,
    });
    cleanUp(() => crm.close());
    const allowed = async (method: string, url: string, headers: Record<string, string> = {}) => {
      const answer = await fetch(crm.url + url, { method, headers: { origin: ORIGIN, ...headers } });
      await answer.body?.cancel();
      return [answer.status, answer.headers.get('access-control-allow-origin')];
    };
    const preflight = (url: string) => allowed('OPTIONS', url, { 'access-control-request-method': 'PATCH' });

    for (const route of ROUTES) expect([route, await preflight(at + route)]).toEqual([route, [204, ORIGIN]]);
    const calls = [
      ...[
        ['GET', ''],
        ['GET', '/unread-count'],
        ['GET', '/stream'],
        ['PATCH', '/7'],
        ['DELETE', '/7'],
        ['POST', '/read'],
      ],
    ] as const;
    for (const [method, route] of calls) {
      expect([method, route, await allowed(method, at + route)]).toEqual([method, route, [401, ORIGIN]]);
    }
    const headers = { authorization: `Bearer ${await accessToken('ann')}`, origin: ORIGIN };
    const client = new StreamClient(`${crm.url}${at}/stream`, { headers });
    cleanUp(() => client.close());
    await client.until(() => client.of('ready').length > 0);
    expect(client.headers['access-control-allow-origin']).toBe(ORIGIN);

    // Of the host, or of nobody.
    const others = ['/deals', '/crm/me', `${at}/me`, '/notifications/7', '/api/notifications', '/crm/notifications/7'];
    for (const url of [...others, `${at}/7/comments`, '/deals/7']) {
      if (ROUTES.some((route) => url === at + route)) continue;
      expect([url, (await preflight(url))[1]]).toEqual([url, null]);
      expect([url, (await allowed('GET', url))[1]]).toEqual([url, null]);
    }
  });

  test('works for each route where that one is: the stream alone is excluded from the global prefix', async () => {
    const crm = await startCrmApp(database, {
      adapter: create(),
      notifications: { cors: [ORIGIN] },
      configure: (app) => app.setGlobalPrefix('api', { exclude: ['notifications/stream'] }),
    });
    cleanUp(() => crm.close());
    for (const url of ['/notifications/stream', '/api/notifications', '/api/notifications/unread-count']) {
      const answer = await fetch(crm.url + url, { headers: { origin: ORIGIN } });
      await answer.body?.cancel();
      expect([url, answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([url, 401, ORIGIN]);
    }
  });
});
