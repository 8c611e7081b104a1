import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type INestApplication, Module, UnauthorizedException } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { NotificationService, NotificationsModule } from '../../src/notifications/index.js';
import { resolveOptions } from '../../src/notifications/resolve-options.js';
import { ADAPTERS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmAppOptions, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { RawConnection } from '../support/raw-connection.js';
import { refusal } from '../support/refusal.js';
import { StreamClient } from '../support/stream-client.js';

const PATH = '/api/notifications/stream';
const ORIGIN = 'https://crm.example.com';

describe.each(ADAPTERS)('Streams that are opened before the host sees them, on %s', (_, create) => {
  let database: TestDatabase;
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  /** A host with a global prefix that counts the requests which it sees. */
  async function start(notifications: CrmAppOptions['notifications'] = {}) {
    const seen: string[] = [];
    const crm = await startCrmApp(database, {
      adapter: create(),
      notifications: { directStreamPath: PATH, ...notifications },
      configure: (app: INestApplication) => {
        app.setGlobalPrefix('api');
        app.use((request: { url: string; originalUrl?: string }, _response: unknown, next: () => void) => {
          seen.push((request.originalUrl ?? request.url).split('?')[0] as string);
          next();
        });
      },
    });
    cleanUp(() => crm.close());
    const issue = async (recipient: string): Promise<string> => {
      const headers = { authorization: `Bearer ${await accessToken(recipient)}` };
      const answer = await fetch(`${crm.url}/api/notifications/stream-token`, { method: 'POST', headers });
      return ((await answer.json()) as { token: string }).token;
    };
    const open = async (query: string, headers?: Record<string, string>): Promise<StreamClient> => {
      const client = new StreamClient(`${crm.url}${PATH}?${query}`, { headers });
      cleanUp(() => client.close());
      await client.until(() => client.of('ready').length > 0 || client.ended);
      return client;
    };
    const streamsSeen = () => seen.filter((path) => path === PATH).length;
    return { ...crm, issue, open, streamsSeen };
  }

  test('bring what the others bring: what was missed, what happens, and their end', async () => {
    const crm = await start({ streamHeaders: { 'X-Region': 'eu' } });
    for (const title of ['one', '好', 'three']) await crm.notifications.notify('ann', { type: 't', title });
    const token = await crm.issue('ann');
    const direct = await crm.open(`token=${token}&lastEventId=1`);
    expect(direct.status).toBe(200);
    expect(direct.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': expect.stringContaining('no-store'),
      'referrer-policy': 'no-referrer',
      'x-region': 'eu',
    });
    await direct.until(() => direct.ids.length === 2);
    const resumed = await crm.open(`token=${token}&lastEventId=1`, { 'last-event-id': '2' });
    await resumed.until(() => resumed.ids.length === 1);
    await crm.notifications.notify('ann', { type: 't', title: 'four' });
    for (const [client, ids] of [
      [direct, [2, 3, 4]],
      [resumed, [3, 4]],
    ] as const) {
      await client.until(() => client.ids.length === ids.length);
      expect(client.ids).toEqual(ids);
    }
    expect(crm.notifications.connections('ann')).toBe(2);
    direct.close();
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(1));
    await crm.notifications.disconnect('ann');
    await resumed.until(() => resumed.ended);
    expect(resumed.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'revoked', reconnect: false } });
    expect(crm.streamsSeen()).toBe(0);

    // What was issued before disconnect() opens nothing, and is refused by the host.
    const late = await crm.open(`token=${token}`);
    expect(late.status).toBe(401);
    expect(JSON.parse(late.body)).toMatchObject({ statusCode: 401, error: 'Unauthorized' });
    expect(late.headers['www-authenticate']).toBe('Bearer');
    expect(crm.streamsSeen()).toBe(1);
  });

  test('are only those that bring one good stream token: the rest goes the way of the host', async () => {
    const crm = await start({ acceptAccessTokenInQuery: true });
    const token = await crm.issue('ben');
    const bearer = { authorization: `Bearer ${await accessToken('ben')}` };
    const answers: [query: string, status: number, headers?: Record<string, string>][] = [
      ['token=', 401],
      ['', 401],
      ['token=forged', 401],
      [`token=${token}x`, 401],
      [`token=${token}&token=${token}`, 401],
      ['nothing', 200, bearer],
      [`token=${await accessToken('ben')}`, 200],
    ];
    for (const [index, [query, status, headers]] of answers.entries()) {
      const client = await crm.open(query, headers);
      expect([query, client.status]).toEqual([query, status]);
      expect(crm.streamsSeen()).toBe(index + 1);
    }
    const head = await fetch(`${crm.url}${PATH}?token=${token}`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    const elsewhere = await fetch(`${crm.url}${PATH}/?token=${token}`, { method: 'POST' });
    expect(elsewhere.status).toBe(404);
    expect((await fetch(`${crm.url}/notifications/stream?token=${token}`)).status).toBe(404);
    expect(await (await fetch(`${crm.url}/api/notifications/unread-count`, { headers: bearer })).json()).toEqual({
      lastId: 0,
      unread: 0,
      revision: 0,
    });
  });

  test('are refused as the others are where there are too many', async () => {
    const crm = await start({ maxStreamsPerRecipient: 1, maxStreams: 2 });
    const tokens = await Promise.all(['cid', 'dot', 'eve'].map((recipient) => crm.issue(recipient)));
    await crm.open(`token=${tokens[0]}`);
    const second = await crm.open(`token=${tokens[0]}`);
    expect(second.status).toBe(429);
    expect(JSON.parse(second.body)).toMatchObject({ statusCode: 429, error: 'Too Many Requests' });
    await crm.open(`token=${tokens[1]}`);
    const third = await crm.open(`token=${tokens[2]}`);
    expect(third.status).toBe(503);
    expect(third.headers['retry-after']).toBe('5');
    expect(crm.notifications.connections()).toBe(2);
  });

  test('let in the origins of cors, and no other', async () => {
    const crm = await start({ cors: [ORIGIN] });
    const token = await crm.issue('fay');
    const allowed = await crm.open(`token=${token}`, { origin: ORIGIN });
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    });
    const other = await crm.open(`token=${token}`, { origin: 'https://evil.example.com' });
    expect(other.headers['access-control-allow-origin']).toBeUndefined();
    expect(other.headers.vary).toBe('Origin');
  });

  test('take their headers from a function of the request, and leave it to the host where that refuses', async () => {
    const crm = await start({
      streamHeaders: (request) => {
        const { region } = request.query as { region?: string };
        if (!region) throw new UnauthorizedException('Which region?');
        return { 'X-Region': region, 'X-Agent': String(request.headers['user-agent']) };
      },
    });
    const token = await crm.issue('gil');
    const client = await crm.open(`token=${token}&region=eu`, { 'user-agent': 'a test' });
    expect(client.headers).toMatchObject({ 'x-region': 'eu', 'x-agent': 'a test' });
    const refused = await crm.open(`token=${token}`);
    expect(refused.status).toBe(401);
    expect(refused.body).toContain('Which region?');
    expect(crm.notifications.connections()).toBe(1);
  });

  test('take one place each, also where a header cannot be sent and the host opens them', async () => {
    const crm = await start({
      maxStreamsPerRecipient: 2,
      // Of a host whose own guard leaves the user on the request.
      streamHeaders: (request) => ({ 'X-User': request.user?.id ?? (request.originalUrl ? 'by the host' : undefined) }),
    });
    const token = await crm.issue('kim');
    const clients = [await crm.open(`token=${token}`), await crm.open(`token=${token}`)];
    for (const { status, headers } of clients) expect([status, headers['x-user']]).toEqual([200, 'by the host']);
    expect(crm.streamsSeen()).toBe(2);
  });

  test('keep no place where something around Node throws at the head, and the host opens them', async () => {
    const crm = await start({ maxStreamsPerRecipient: 1 });
    const token = await crm.issue('lea');
    let failures = 0;
    // As an agent that watches a process by what it puts over Node's functions.
    crm.app.getHttpServer().prependListener('request', (_: unknown, response: ServerResponse) => {
      const { writeHead } = response;
      response.writeHead = (...head: unknown[]) => {
        response.writeHead = writeHead;
        failures += 1;
        if (failures === 1) throw new Error('no head');
        return (writeHead as (...args: unknown[]) => ServerResponse).apply(response, head);
      };
    });
    const client = await crm.open(`token=${token}`);
    expect(failures).toBe(1);
    expect([client.status, crm.streamsSeen()]).toEqual([200, 1]);
    expect(crm.notifications.connections('lea')).toBe(1);
    await crm.notifications.notify('lea', { type: 't', title: 'x' });
    await client.until(() => client.ids.length === 1);
  });

  test('go the way of the host on a connection that still has an answer to send', async () => {
    const crm = await start();
    const token = await crm.issue('hal');
    const client = await RawConnection.open(crm.url);
    cleanUp(() => client.close());
    client.send(
      ...['GET /api/notifications/unread-count HTTP/1.1', 'Host: crm', ''],
      ...[`GET ${PATH}?token=${token} HTTP/1.1`, 'Host: crm', ''],
    );
    await client.until('event: ready');
    expect(client.received.indexOf('401 Unauthorized')).toBe('HTTP/1.1 '.length);
  });

  test('leave no place taken where the client is gone before its token is checked', async () => {
    const crm = await start();
    const token = await crm.issue('ida');
    for (let i = 0; i < 30; i++) {
      const client = await RawConnection.open(crm.url);
      client.send(`GET ${PATH}?token=${token} HTTP/1.1`, 'Host: crm', '');
      client.socket.resetAndDestroy();
    }
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
    // More than maxStreamsPerRecipient have come and gone.
    expect((await crm.open(`token=${token}`)).status).toBe(200);
  });

  test('end with the application', async () => {
    const crm = await start();
    const client = await crm.open(`token=${await crm.issue('jim')}`);
    await crm.close();
    await client.until(() => client.ended);
    expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown', reconnect: true } });
  });
});

describe('directStreamPath', () => {
  test('is nothing to a process without an HTTP server', async () => {
    const database = await createMigratedDatabase();
    const host = { type: 'postgres', url: database.url, retryAttempts: 0 } as const;
    const options = { jwt: { secret: 'a secret of sixteen' }, directStreamPath: PATH };

    @Module({ imports: [TypeOrmModule.forRoot(host), NotificationsModule.forRoot(options)] })
    class WorkerModule {}

    const worker = await NestFactory.createApplicationContext(WorkerModule, { abortOnError: false });
    const { status } = await worker.get(NotificationService).notify('ann', { type: 't', title: 'by a worker' });
    expect(status).toBe('delivered');
    await worker.close();
    await database.drop();
  });

  test.each(['', 'api/stream', '/a?b', '/a b', true, 3])('is a path: not %j', async (value) => {
    const { message } = await refusal(() => resolveOptions({ directStreamPath: value as never }), 'INVALID_OPTIONS');
    expect(message).toContain('directStreamPath must be null or a path such as /api/notifications/stream');
  });

  test('needs the module to write the streams', async () => {
    const options = { directStreamPath: PATH, streamWriter: 'nest' } as const;
    const { message } = await refusal(() => resolveOptions(options), 'INVALID_OPTIONS');
    expect(message).toContain("needs streamWriter 'socket'");
  });
});
