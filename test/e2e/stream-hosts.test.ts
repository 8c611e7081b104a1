import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { get } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ForbiddenException, type INestApplication, Logger, type NestInterceptor } from '@nestjs/common';
import type { ExpressAdapter } from '@nestjs/platform-express';
import { of } from 'rxjs';
import { createHttpsAdapter, STREAM_WRITERS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { createGate } from '../support/gate.js';
import { spawnTs } from '../support/run-ts.js';
import { selfSignedCertificate } from '../support/self-signed-certificate.js';
import { StreamClient } from '../support/stream-client.js';

describe.each(STREAM_WRITERS)('Hosts around a stream that is written by %s', (streamWriter) => {
  let database: TestDatabase;
  let token: string;
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
    token = await accessToken('ann');
  });

  afterAll(() => database.drop());

  /** With one place alone, one that is not given back is noticed. */
  async function start(configure?: (app: INestApplication) => void, adapter?: ExpressAdapter): Promise<CrmApp> {
    const notifications = { streamWriter, maxStreamsPerRecipient: 1 };
    const crm = await startCrmApp(database, { notifications, configure, adapter });
    cleanUp(() => crm.close());
    return crm;
  }

  function open({ url }: CrmApp): StreamClient {
    const client = new StreamClient(`${url}/notifications/stream`, { headers: { authorization: `Bearer ${token}` } });
    cleanUp(() => client.close());
    return client;
  }

  async function expectLive(crm: CrmApp, client: StreamClient): Promise<void> {
    const before = client.ids.length;
    await crm.notifications.notify('ann', { type: 't', title: 'x' });
    await client.until(() => client.ids.length === before + 1);
  }

  async function expectFree(crm: CrmApp): Promise<void> {
    await eventually(async () => {
      const client = open(crm);
      await client.until(() => client.of('ready').length > 0 || client.ended);
      client.close();
      expect(client.status).toBe(200);
    });
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
  }

  test('an access log sees each response end, once', async () => {
    const log: string[] = [];
    const crm = await start((app) =>
      app.use((request: { method: string }, response: ServerResponse, next: () => void) => {
        response.on('finish', () => log.push(`${request.method} ${response.statusCode} finish`));
        response.on('close', () => log.push(`${request.method} ${response.statusCode} close`));
        next();
      }),
    );
    const client = open(crm);
    await client.until(() => client.of('ready').length === 1);
    await expectLive(crm, client);
    const get200 = ['GET 200 finish', 'GET 200 close'];
    // In docs/in-your-application.md: when that is depends on the writer.
    expect(log).toEqual(streamWriter === 'socket' ? get200 : []);
    await crm.notifications.disconnect('ann');
    await client.until(() => client.ended);
    await eventually(() => expect(log).toEqual(get200));
    await expectFree(crm);
    await eventually(() => expect(log.filter((line) => line === 'GET 200 close')).toHaveLength(2));
  });

  test('an interceptor that takes its time delays the stream, and does it no harm', async () => {
    const crm = await start((app) =>
      app.useGlobalInterceptors({
        intercept: async (_, next) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return next.handle();
        },
      }),
    );
    const client = open(crm);
    await client.until(() => client.of('ready').length === 1);
    await expectLive(crm, client);
    await crm.notifications.disconnect('ann');
    await client.until(() => client.ended);
    expect(client.of('close').map(({ data }) => data.reason)).toEqual(['revoked']);
    await expectFree(crm);
  });

  test('a client that leaves while an interceptor works takes no place, whenever that ends', async () => {
    let gate = createGate();
    let inside = 0;
    const crm = await start((app) =>
      app.useGlobalInterceptors({
        intercept: async (_, next) => {
          inside += 1;
          await gate.opened;
          return next.handle();
        },
      }),
    );
    const leaving = open(crm);
    await eventually(() => expect(inside).toBe(1));
    leaving.close();
    // Its place is free while its interceptor still works.
    const next = await eventually(async () => {
      const before = inside;
      const client = open(crm);
      await eventually(() => expect(inside > before || client.ended).toBe(true));
      expect(client.status).not.toBe(429);
      return client;
    });
    gate.open();
    await next.until(() => next.of('ready').length === 1);
    expect(crm.notifications.connections('ann')).toBe(1);
    await expectLive(crm, next);
    next.close();
    gate = createGate();
    gate.open();
    await expectFree(crm);
  });

  const interceptors: [what: string, interceptor: NestInterceptor, status: number, body: RegExp][] = [
    [
      'refuses',
      {
        intercept: () => {
          throw new ForbiddenException('not today');
        },
      },
      403,
      /not today/,
    ],
    // It may be what somebody else was answered: the stream ends without it.
    ['answers in its place', { intercept: () => of({ data: { by: 'interceptor' } }) }, 200, /^\[\]$/],
  ];

  test.each(interceptors)('an interceptor that %s leaves no place taken', async (_, interceptor, status, body) => {
    let isOn = true;
    const crm = await start((app) =>
      app.useGlobalInterceptors({
        intercept: (context, next) => (isOn ? interceptor.intercept(context, next) : next.handle()),
      }),
    );
    for (let i = 0; i < 3; i++) {
      const client = open(crm);
      await client.until(() => client.ended);
      expect(client.status).toBe(status);
      expect(client.body + JSON.stringify(client.frames)).toMatch(body);
    }
    isOn = false;
    await expectFree(crm);
  });

  test('a response whose head fails gets an error, and leaves no place taken', async () => {
    Logger.overrideLogger(false);
    let fails = true;
    const crm = await start((app) =>
      // As a listener of `on-headers` that throws.
      app.use((_request: unknown, response: ServerResponse, next: () => void) => {
        const { writeHead } = response;
        response.writeHead = (...head: unknown[]) => {
          response.writeHead = writeHead;
          if (fails) throw new Error('no head');
          return (writeHead as (...args: unknown[]) => ServerResponse).apply(response, head);
        };
        next();
      }),
    );
    Logger.overrideLogger(false);
    for (let i = 0; i < 3; i++) {
      const client = open(crm);
      await client.until(() => client.ended);
      expect(client.status).toBe(500);
    }
    fails = false;
    await expectFree(crm);
    Logger.overrideLogger(['error', 'fatal']);
  });

  test('with TLS in its process Nest writes', async () => {
    const tls = selfSignedCertificate();
    const crm = await start(undefined, createHttpsAdapter(tls));
    const url = `${crm.url.replace(/^http:/, 'https:')}/notifications/stream`;
    const headers = { authorization: `Bearer ${token}` };
    let text = '';
    const request = get(url, { ca: tls.cert, headers, agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
    });
    request.on('error', () => {});
    await eventually(() => expect(text).toContain('event: ready'));
    await crm.notifications.notify('ann', { type: 't', title: 'over TLS' });
    await eventually(() => expect(text).toContain('"title":"over TLS"'));
    expect(crm.notifications.connections('ann')).toBe(1);
    request.destroy();
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(0));
  });

  test('a process with open streams that closes its application ends, and tells them', async () => {
    const file = new URL('../support/stream-server.ts', import.meta.url);
    const server = spawnTs(file, [database.url, streamWriter], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    cleanUp(() => server.kill('SIGKILL'));
    const [{ url }] = (await once(server, 'message')) as [{ url: string }];
    const clients = await Promise.all(Array.from({ length: 20 }, () => StreamClient.open(url, token)));
    const exited = once(server, 'exit');
    server.send('close');
    const began = performance.now();
    // Nothing ends the process but that there is nothing left to do.
    expect(await exited).toEqual([0, null]);
    expect(performance.now() - began).toBeLessThan(3_000);
    for (const client of clients) {
      await client.until(() => client.ended);
      expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown', reconnect: true } });
    }
  });
});
