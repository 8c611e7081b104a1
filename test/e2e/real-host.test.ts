import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { NotificationsDataSource, ParkedNotifications } from '../../src/notifications/index.js';
import { accessToken, createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { accessLog, CapturingLogger, configureEverything, everything } from '../support/everything-host.js';
import { ADAPTERS, type HostApp, startHost } from '../support/host-app.js';
import { StreamClient } from '../support/stream-client.js';

const PATH = '/api/notifications';
const POOL = 4;

describe.each(ADAPTERS)('A host that has all that real hosts have, on %s', (adapter) => {
  let database: TestDatabase;
  let host: HostApp;
  let dataSource: DataSource;
  const logger = new CapturingLogger();

  beforeAll(async () => {
    database = await createMigratedDatabase();
    await database.query(
      `ALTER DATABASE ${pg.escapeIdentifier(database.name)} SET default_transaction_isolation = 'repeatable read'`,
    );
    const options: DataSourceOptions = {
      type: 'postgres',
      url: database.url,
      poolSize: POOL,
      parseInt8: adapter === 'express',
      logging: true,
      logger,
      extra: { options: '-c default_transaction_isolation=repeatable\\ read' },
    };
    if (adapter === 'fastify') pg.types.setTypeParser(pg.types.builtins.INT8, BigInt);
    // Of the whole process, as hosts set them at the top of main.ts.
    pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => `host's own ${text}`);
    pg.types.setTypeParser(pg.types.builtins.JSONB, (text) => ({ wrapped: text }));
    pg.types.setTypeParser(pg.types.builtins.JSON, (text) => ({ wrapped: text }));
    host = await startHost(everything(options, { maxStreamsPerRecipient: 2 }), {
      adapter,
      configure: configureEverything,
    });
    dataSource = host.app.get(DataSource);
  });

  afterAll(async () => {
    await host.close();
    await database.drop();
  });

  async function call(user: string, method: string, path: string, body?: unknown) {
    const response = await fetch(`${host.url}${PATH}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${await accessToken(user)}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    // biome-ignore lint/suspicious/noExplicitAny: the tests know what they expect
    return { status: response.status, headers: response.headers, body: (await response.json()) as any };
  }

  const open = async (user: string, lastEventId?: string) =>
    StreamClient.open(host.url, await accessToken(user), { path: PATH, lastEventId });

  test("is what it says: REPEATABLE READ, guarded, strict, and with the host's own errors", async () => {
    expect(await dataSource.query('SHOW transaction_isolation')).toEqual([
      { transaction_isolation: 'repeatable read' },
    ]);
    expect(await host.app.get(NotificationsDataSource).query('SHOW transaction_isolation')).toEqual([
      { transaction_isolation: 'read committed' },
    ]);
    const deals = `${host.url}/api/v1/deals`;
    expect((await fetch(deals, { method: 'POST' })).status).toBe(401);
    const headers = { authorization: `Bearer ${await accessToken('ann')}`, 'content-type': 'application/json' };
    const post = (body: object) => fetch(deals, { method: 'POST', headers, body: JSON.stringify(body) });
    expect((await post({ id: 1 })).status).toBe(201);
    const refused = await post({ id: 1, extra: true });
    expect([refused.status, await refused.json()]).toMatchObject([400, { ok: false }]);
    const listed = await fetch(deals);
    expect(await listed.text()).toMatch(/^the deals /);
    expect(listed.headers.get('content-encoding')).toBe(adapter === 'express' ? 'gzip' : null);
    expect(await dataSource.query(`SELECT now() AS at, '{}'::jsonb AS odd`)).toEqual([
      { at: expect.stringMatching(/^host's own /), odd: { wrapped: '{}' } },
    ]);
  });

  test('streams, lists and marks', async () => {
    const client = await open('ann');
    expect(client.status).toBe(200);
    expect(client.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'cache-control': expect.stringContaining('no-transform'),
    });
    expect(client.headers['content-encoding']).toBeUndefined();
    await host.notifications.notify('ann', { type: 't', title: 'one', data: { deep: { n: 1 } } });
    await host.notifications.notify('ann', { type: 't', title: 'two' });
    await client.until(() => client.ids.length === 2);
    const createdAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(client.of('message')[0]?.data).toMatchObject({ id: 1, title: 'one', data: { deep: { n: 1 } }, createdAt });

    const list = await call('ann', 'GET', '?limit=1&unread=true');
    expect([list.status, list.body]).toMatchObject([200, { nextBefore: 2, unread: 2, items: [{ id: 2, createdAt }] }]);
    expect((await call('ann', 'GET', '/unread-count')).body).toEqual({ lastId: 2, unread: 2, revision: 0 });
    const changes: [method: string, path: string, body: object | undefined, unread: number, change: object][] = [
      ['PATCH', '/1', { read: true }, 1, { read: [1] }],
      ['PATCH', '/1', { read: false }, 2, { unreadIds: [1] }],
      ['POST', '/read', { upTo: 2 }, 0, { readUpTo: 2 }],
      ['DELETE', '/1', undefined, 0, { removed: [1] }],
    ];
    for (const [i, [method, path, body, unread, change]] of changes.entries()) {
      const numbers = { lastId: 2, unread, revision: i + 1 };
      expect((await call('ann', method, path, body)).body).toEqual(numbers);
      await client.until(() => client.of('state').at(-1)?.data.revision === i + 1);
      expect(client.of('state').at(-1)?.data).toEqual({ ...numbers, ...change });
    }
    client.close();
  });

  test('opens streams with stream tokens, past a guard that wants a header', async () => {
    const { body } = await call('ben', 'POST', '/stream-token');
    const client = new StreamClient(`${host.url}${PATH}/stream?token=${body.token}`);
    await client.until(() => client.of('ready').length === 1);
    await host.notifications.notify('ben', { type: 't', title: 'by token' });
    await client.until(() => client.ids.length === 1);
    client.close();
    expect(logger.lines.length).toBeGreaterThan(0);
    const signature = (token: string) => token.split('.')[2] as string;
    const logged = [...logger.lines, ...accessLog()].join('\n');
    expect(logged).not.toContain(signature(body.token));
    expect(logged).not.toContain(signature(await accessToken('ben')));
  });

  test("answers errors in the host's form, with their status and headers, also on the stream", async () => {
    const calls: [path: string, init: RequestInit, status: number][] = [
      ['', {}, 401],
      ['/stream', {}, 401],
      ['/stream?token=forged', {}, 401],
    ];
    for (const [path, init, status] of calls) {
      const response = await fetch(`${host.url}${PATH}${path}`, init);
      expect([path, response.status, await response.json()]).toMatchObject([path, status, { problem: { status } }]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect((await call('ann', 'GET', '?limit=0')).body).toMatchObject({ problem: { status: 400 } });
    expect((await call('ann', 'PATCH', '/999', { read: true })).body).toMatchObject({ problem: { status: 404 } });
    expect((await call('ann', 'POST', '/read', { ids: [1], more: 1 })).body).toMatchObject({
      problem: { status: 400 },
    });
  });

  test('one stream too many gets 429, though an interceptor of the host comes first', async () => {
    const clients = [await open('cem'), await open('cem'), await open('cem')];
    expect(clients.map((client) => client.status)).toEqual([200, 200, 429]);
    expect(JSON.parse(clients[2]?.body ?? '')).toMatchObject({ ok: false, problem: { status: 429 } });
    for (const client of clients) client.close();
    await eventually(() => expect(host.notifications.connections('cem')).toBe(0));
    const again = await open('cem');
    expect(again.status).toBe(200);
    again.close();
  });

  test('broadcasts reach who is connected, and who comes later', async () => {
    const client = await open('dan');
    await host.notifications.unreadCount('eva');
    await host.notifications.broadcast({ type: 't', title: 'to all' });
    await client.until(() => client.ids.length === 1);
    expect((await host.notifications.list('eva')).items).toMatchObject([{ title: 'to all' }]);
    client.close();
  });

  test('transactions notify if, and only if, they commit', async () => {
    const client = await open('fay');
    await dataSource.transaction((manager) =>
      host.notifications.notify('fay', { type: 't', title: 'committed', data: { n: 1 } }, { manager }),
    );
    await dataSource
      .transaction(async (manager) => {
        await host.notifications.notify('fay', { type: 't', title: 'rolled back' }, { manager });
        throw new Error('no');
      })
      .catch(() => undefined);
    await dataSource.transaction('SERIALIZABLE', (manager) =>
      host.notifications.notify('fay', { type: 't', title: 'serializable' }, { manager }),
    );
    await host.notifications.notify('fay', { type: 't', title: 'later' }, { deliverAt: new Date(Date.now() + 50) });
    await client.until(() => client.ids.length === 3);
    expect(client.of('message').map((frame) => frame.data.title)).toEqual(['committed', 'serializable', 'later']);
    expect(client.of('message')[0]?.data.data).toEqual({ n: 1 });
    client.close();
  });

  test('parked rows can be read', async () => {
    // That it is parked is logged as an error.
    Logger.overrideLogger(false);
    await database.query(
      `INSERT INTO notifications.outbox (payload) VALUES ('{"type":"t","title":"x","recipients":[]}')`,
    );
    const parked = host.app.get(ParkedNotifications);
    const [row] = await eventually(async () => {
      const rows = await parked.list();
      expect(rows).toHaveLength(1);
      return rows;
    });
    expect(row).toMatchObject({ payload: { title: 'x' }, createdAt: expect.any(Date) });
    expect(Math.abs(Date.now() - Number(row?.createdAt))).toBeLessThan(600_000);
    expect(await parked.discard([row?.pos ?? 0])).toBe(1);
    Logger.overrideLogger(['error', 'fatal']);
  });

  test('a pool that is fully busy with transactions that call notify comes through', async () => {
    const client = await open('gus');
    let inside = 0;
    let go = (): void => {};
    const allInside = new Promise<void>((resolve) => {
      go = resolve;
    });
    const transact = (n: number) =>
      dataSource.transaction(async (manager) => {
        await manager.query('SELECT 1');
        inside += 1;
        // Only now, with no connection left in the pool.
        if (inside === POOL) go();
        await allInside;
        await host.notifications.notify('gus', { type: 't', title: `at once ${n}` });
        await host.notifications.notify('gus', { type: 't', title: `with commit ${n}` }, { manager });
        await host.notifications.list('gus');
      });
    await Promise.all(Array.from({ length: 5 * POOL }, (_, n) => transact(n)));
    await client.until(() => client.ids.length === 10 * POOL);
    expect(client.ids).toEqual(Array.from({ length: 10 * POOL }, (_, i) => i + 1));
    expect(new Set(client.of('message').map((frame) => frame.data.title)).size).toBe(10 * POOL);
    client.close();
  });
});
