import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type INestApplication, Logger } from '@nestjs/common';
import type { NotificationsOptions } from '../../src/notifications/index.js';
import { STREAM_HOSTS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import {
  AROUND_ANSWERS,
  AROUND_STREAMS,
  WITHOUT_ANYTHING,
  WITHOUT_END,
  WITHOUT_HEAD,
} from '../support/late-middleware.js';
import { RawConnection } from '../support/raw-connection.js';
import { StreamClient } from '../support/stream-client.js';

describe.each(STREAM_HOSTS)('Middleware of the host around responses, on %s', (_, create, writer) => {
  let database: TestDatabase;
  let token: string;
  const logged: string[] = [];
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
    token = await accessToken('ann');
  });

  beforeEach(() => {
    logged.length = 0;
  });

  afterEach(() => Logger.overrideLogger(['error', 'fatal']));

  afterAll(() => database.drop());

  /** With one place alone: one that is not given back is noticed. */
  async function start(
    middleware: (typeof AROUND_STREAMS)[number][1],
    options: NotificationsOptions = {},
  ): Promise<CrmApp> {
    const crm = await startCrmApp(database, {
      adapter: create(),
      notifications: { ...writer, maxStreamsPerRecipient: 1, ...options },
      configure: (app: INestApplication) => app.use(middleware),
    });
    const log = (...parts: unknown[]) => void logged.push(parts.map(String).join(' '));
    Logger.overrideLogger({ log: () => {}, warn: log, error: log, fatal: log });
    cleanUp(() => crm.close());
    return crm;
  }

  function request({ url }: CrmApp, path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${url}/notifications/${path}`, { ...init, headers: { authorization: `Bearer ${token}` } });
  }

  async function open(crm: CrmApp, query = ''): Promise<StreamClient> {
    const headers = { authorization: `Bearer ${token}` };
    const client = new StreamClient(`${crm.url}/notifications/stream${query}`, { headers: query ? {} : headers });
    cleanUp(() => client.close());
    await client.until(() => client.of('ready').length === 1 || client.ended);
    expect(client.status).toBe(200);
    return client;
  }

  async function expectWhole(crm: CrmApp, client: StreamClient): Promise<void> {
    for (const title of ['one', 'two']) {
      await crm.notifications.notify('ann', { type: 't', title });
      await client.until(() => client.of('message').at(-1)?.data.title === title);
    }
    await crm.notifications.disconnect('ann');
    await client.until(() => client.ended);
    const events = client.frames.map(({ event }) => event).filter((event) => event !== 'state');
    expect(events).toEqual(['ready', 'message', 'message', 'close']);
    expect(client.headers['content-encoding']).toBeUndefined();
  }

  function expectNoComplaint(): void {
    // That the middleware throws is said; that something was sent twice would be our own fault.
    expect(logged.filter((line) => !line.includes('middleware of the host'))).toEqual([]);
  }

  test.each(AROUND_STREAMS)('that %s: a stream is whole, and ends', async (_what, middleware) => {
    const crm = await start(middleware);
    for (let i = 0; i < 2; i++) {
      await expectWhole(crm, await open(crm));
      await eventually(() => expect(crm.notifications.connections()).toBe(0));
    }
    const left = await open(crm);
    left.close();
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
    const last = await open(crm);
    await crm.close();
    expect(last.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown' } });
    await last.until(() => last.ended);
    expectNoComplaint();
  });

  test.each(AROUND_ANSWERS)('that %s: an answer comes', async (_what, middleware, status) => {
    const crm = await start(middleware);
    for (let i = 0; i < 2; i++) {
      const answer = await request(crm, 'unread-count');
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject(
        status === 200 ? { unread: expect.any(Number) } : { statusCode: status },
      );
    }
    await crm.close();
    expectNoComplaint();
  });

  test('that lets no head through: the stream is whole', async () => {
    const crm = await start(WITHOUT_HEAD);
    await expectWhole(crm, await open(crm));
    expectNoComplaint();
  });

  test('that lets nothing through: the stream is cut off, and its place is free', async () => {
    const crm = await start(WITHOUT_ANYTHING, { slowClientMs: 1_000 });
    const client = new StreamClient(`${crm.url}/notifications/stream`, {
      headers: { authorization: `Bearer ${token}` },
    });
    cleanUp(() => client.close());
    await eventually(() => expect(crm.notifications.connections()).toBe(1));
    await client.until(() => client.ended);
    expect(client.status).toBeUndefined();
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
    expect(logged.join()).toContain('nothing was sent within slowClientMs');
  });

  test('that lets no answer end holds no shutdown up', async () => {
    const crm = await start(WITHOUT_END);
    const client = await RawConnection.open(crm.url);
    cleanUp(() => client.close());
    client.send('GET /notifications/unread-count HTTP/1.1', 'Host: crm', `Authorization: Bearer ${token}`, '');
    await client.until('"unread":');
    await crm.close();
    await eventually(() => expect(client.ended).toBe(true));
    expectNoComplaint();
  });

  if (writer.streamWriter === 'socket') {
    test('has nothing to do with a stream past the host', async () => {
      let seen = 0;
      const middleware: (typeof AROUND_STREAMS)[number][1] = (req, response, next) => {
        if (req.url.includes('/stream?')) seen += 1;
        WITHOUT_HEAD(req, response, next);
      };
      const isOff = { writeHead: true };
      const crm = await start((req, response, next) => (isOff.writeHead ? next() : middleware(req, response, next)), {
        directStreamPath: '/notifications/stream',
      });
      const { token: streamToken } = (await (await request(crm, 'stream-token', { method: 'POST' })).json()) as {
        token: string;
      };
      isOff.writeHead = false;
      await expectWhole(crm, await open(crm, `?token=${streamToken}`));
      expect(seen).toBe(0);
      expectNoComplaint();
    });
  }
});
