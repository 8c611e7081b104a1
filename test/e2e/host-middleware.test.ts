import type { ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { NotificationsOptions } from '../../src/notifications/index.js';
import { STREAM_HOSTS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { createGate } from '../support/gate.js';
import {
  AROUND_ANSWERS,
  AROUND_STREAMS,
  holdEverything,
  type Middleware,
  onHeaders,
  SETS_TOO_LATE_AT_END,
  WITHOUT_ANYTHING,
  WITHOUT_END,
  WITHOUT_HEAD,
} from '../support/late-middleware.js';
import { RawConnection } from '../support/raw-connection.js';
import { StreamClient } from '../support/stream-client.js';
import { useWatchedHosts, type WatchedHost } from '../support/watched-host.js';

describe.each(STREAM_HOSTS)('Middleware of the host around responses, on %s', (_, create, writer) => {
  const cleanUp = useCleanup();
  const startHost = useWatchedHosts();
  const start = (middleware: Middleware, options: NotificationsOptions = {}) =>
    startHost({
      adapter: create(),
      notifications: { ...writer, ...options },
      configure: (app) => app.use(middleware),
    });

  function expectNoComplaint({ logged }: WatchedHost): void {
    // That the middleware throws is said; that something was sent twice would be our own fault.
    expect(logged.filter((line) => !line.includes('middleware of the host'))).toEqual([]);
  }

  test.each(AROUND_STREAMS)('that %s: a stream is whole, and ends', async (_what, middleware) => {
    const crm = await start(middleware);
    for (let i = 0; i < 2; i++) {
      await crm.expectWhole(await crm.open());
    }
    const left = await crm.open();
    left.close();
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
    const last = await crm.open();
    await crm.close();
    expect(last.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown' } });
    await last.until(() => last.ended);
    expectNoComplaint(crm);
  });

  // The interceptor can't put anything over what is read-only, either.
  test.each(AROUND_STREAMS.filter(([what]) => what !== 'has read-only methods'))(
    'that %s, below an interceptor that wraps the head: a stream is whole',
    async (_what, middleware) => {
      const crm = await startHost({
        adapter: create(),
        notifications: writer,
        configure: (app) => {
          app.use(middleware);
          app.useGlobalInterceptors({
            intercept(context, next) {
              const http = context.switchToHttp();
              const response = http.getResponse();
              onHeaders(http.getRequest(), response.raw ?? response, () => {});
              return next.handle();
            },
          });
        },
      });
      const client = await crm.open();
      expect(client.headers['x-on-headers']).toBe('was here');
      await crm.expectWhole(client);
      expectNoComplaint(crm);
    },
  );

  test.each(AROUND_ANSWERS)('that %s: an answer comes', async (_what, middleware, status) => {
    const crm = await start(middleware);
    for (let i = 0; i < 2; i++) {
      const answer = await crm.get('unread-count');
      expect(answer.status).toBe(status);
      expect(await answer.json()).toMatchObject(
        status === 200 ? { unread: expect.any(Number) } : { statusCode: status },
      );
    }
    await crm.close();
    expectNoComplaint(crm);
  });

  test('that lets no head through: the stream is whole', async () => {
    const crm = await start(WITHOUT_HEAD);
    await crm.expectWhole(await crm.open());
    expectNoComplaint(crm);
  });

  test('that lets nothing through: the stream is cut off, and its place is free', async () => {
    const crm = await start(WITHOUT_ANYTHING, { slowClientMs: 1_000 });
    const client = new StreamClient(`${crm.url}/notifications/stream`, {
      headers: { authorization: `Bearer ${await accessToken('ann')}` },
    });
    cleanUp(() => client.close());
    await eventually(() => expect(crm.notifications.connections()).toBe(1));
    await client.until(() => client.ended);
    expect(client.status).toBeUndefined();
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
    expect(crm.logged.join()).toContain('nothing was sent within slowClientMs');
  });

  test('that lets no head through is asked for it once, however early the cut-off is', async () => {
    const crm = await start(WITHOUT_HEAD, { slowClientMs: 200 });
    await crm.expectWhole(await crm.open());
    expectNoComplaint(crm);
  });

  test('that holds more back than may wait: all of it comes once it is let through', async () => {
    const gate = createGate();
    const hold = holdEverything((release) => void gate.opened.then(release));
    let response: ServerResponse | undefined;
    const middleware: Middleware = (request, raw, next) => {
      response = raw;
      hold(request, raw, next);
    };
    const crm = await start(middleware, { maxPendingBytes: 1_000 });
    const from = (await crm.notifications.unreadCount('bea')).lastId;
    const body = 'x'.repeat(5_000);
    for (let i = 0; i < 60; i++) await crm.notifications.notify('bea', { type: 't', title: String(i), body });
    const client = new StreamClient(`${crm.url}/notifications/stream?lastEventId=${from}`, {
      headers: { authorization: `Bearer ${await accessToken('bea')}` },
    });
    cleanUp(() => client.close());
    await eventually(() => expect(response?.writableNeedDrain).toBe(true));
    gate.open();
    await client.until(() => client.ids.length === 60);
    expect(new Set(client.ids).size).toBe(60);
    await crm.notifications.notify('bea', { type: 't', title: 'live' });
    await client.until(() => client.of('message').at(-1)?.data.title === 'live');
    expectNoComplaint(crm);
  });

  test('that sends the head of an answer and then sets a field cuts it off, and that is said once', async () => {
    const crm = await start(SETS_TOO_LATE_AT_END);
    for (let i = 0; i < 3; i++) {
      await expect(crm.get('unread-count').then((answer) => answer.text())).rejects.toThrow();
    }
    const said = crm.logged.filter((line) => line.includes('Middleware of this application failed'));
    expect(said).toEqual([expect.stringContaining('ERR_HTTP_HEADERS_SENT')]);
  });

  test('that lets no answer end holds no shutdown up', async () => {
    const end = createGate();
    const crm = await start(WITHOUT_END(end.open));
    const client = await RawConnection.open(crm.url);
    cleanUp(() => client.close());
    client.send(
      'GET /notifications/unread-count HTTP/1.1',
      'Host: crm',
      `Authorization: Bearer ${await accessToken('ann')}`,
      '',
    );
    await end.opened;
    await crm.close();
    await eventually(() => expect(client.ended).toBe(true));
    expectNoComplaint(crm);
  });

  if (writer.streamWriter === 'socket') {
    test('has nothing to do with a stream past the host', async () => {
      let seen = 0;
      let isOn = false;
      const middleware: Middleware = (request, response, next) => {
        if (!isOn) return next();
        seen += 1;
        WITHOUT_HEAD(request, response, next);
      };
      const crm = await start(middleware, { directStreamPath: '/notifications/stream' });
      const { token } = (await (await crm.get('stream-token', { method: 'POST' })).json()) as { token: string };
      isOn = true;
      await crm.expectWhole(await crm.open({ query: `?token=${token}` }));
      expect(seen).toBe(0);
      expectNoComplaint(crm);
    });
  }
});
