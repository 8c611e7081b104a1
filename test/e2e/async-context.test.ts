import { AsyncLocalStorage } from 'node:async_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, type INestApplication, Inject, type MessageEvent, Req, Res, Sse } from '@nestjs/common';
import type { Request, Response } from 'express';
import pg from 'pg';
import { map, type Observable } from 'rxjs';
import { type BrokerFactory, NotificationService } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

interface Store {
  user: string;
}

/** What a host keeps of a request, as nestjs-cls and its own middleware do it. */
const storage = new AsyncLocalStorage<Store>();

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** The stream of a host that writes into it what its request has stored. */
@Controller()
class OwnStreamController {
  constructor(@Inject(NotificationService) private readonly notifications: NotificationService) {}

  @Sse('own-stream/:user')
  stream(@Req() request: Request, @Res() response: Response): Observable<MessageEvent> {
    const mark = map((event: MessageEvent) => ({ ...event, data: JSON.stringify({ seen: storage.getStore()?.user }) }));
    return this.notifications.stream(String(request.params.user), { response }).pipe(mark);
  }
}

describe('What a request has stored in AsyncLocalStorage', () => {
  let database: TestDatabase;
  const cleanUp = useCleanup();
  const { query } = pg.Client.prototype;
  /** Statements of the module, and the user in whose context each was sent. */
  let statements: [name: string, user: string | undefined][] = [];
  /** The same of what went to the broker. */
  let published: (string | undefined)[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterEach(() => {
    pg.Client.prototype.query = query;
  });

  afterAll(() => database.drop());

  async function start() {
    statements = [];
    published = [];
    pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
      const { name } = args[0] as { name?: string };
      if (name !== undefined) statements.push([name, storage.getStore()?.user]);
      return Reflect.apply(query, this, args);
    } as typeof query;
    const broker: BrokerFactory = () => ({
      subscribe: async () => {},
      publish: () => void published.push(storage.getStore()?.user),
      close: async () => {},
    });
    const stores = new Map<string, WeakRef<Store>>();
    const crm = await startCrmApp(database, {
      notifications: { broker, sweepMs: 100, heartbeatMs: 100 },
      controllers: [OwnStreamController],
      configure: (app: INestApplication) =>
        app.use((request: { headers: Record<string, string> }, _: unknown, next: () => void) => {
          const store = { user: request.headers['x-user'] ?? 'somebody' };
          stores.set(store.user, new WeakRef(store));
          storage.run(store, next);
        }),
    });
    cleanUp(() => crm.close());
    const headersOf = async (user: string) => ({
      authorization: `Bearer ${await accessToken(user)}`,
      'x-user': user,
      connection: 'close',
    });
    const open = async (user: string, path = '/notifications/stream'): Promise<StreamClient> => {
      const client = new StreamClient(crm.url + path, { headers: await headersOf(user) });
      cleanUp(() => client.close());
      await client.until(() => client.of('ready').length > 0 || client.ended);
      expect(client.status).toBe(200);
      return client;
    };
    const ask = async (user: string, path: string, body?: object): Promise<Record<string, unknown>> => {
      const headers = { ...(await headersOf(user)), 'content-type': 'application/json' };
      const init = body && { method: 'POST', body: JSON.stringify(body) };
      const answer = await fetch(`${crm.url}/notifications${path}`, { ...init, headers });
      return (await answer.json()) as Record<string, unknown>;
    };
    const isCollected = async (user: string): Promise<void> =>
      await eventually(() => {
        collectGarbage();
        expect(stores.get(user)?.deref()).toBeUndefined();
      });
    return { ...crm, open, ask, isCollected };
  }

  test('is collected while the stream that the request has opened goes on', async () => {
    const crm = await start();
    // The first to ask, with whom the connections to Postgres begin.
    const client = await crm.open('ann');
    await crm.isCollected('ann');
    await crm.notifications.notify('ann', { type: 't', title: 'one' });
    await client.until(() => client.ids.length === 1 && client.of('ping').length > 1);
    await crm.ask('ben', '/read', { upTo: 1 });
    await crm.ask('ben', '/stream-token', {});
    await crm.isCollected('ben');
    expect(crm.notifications.connections()).toBe(1);
  });

  test('is not seen by what is shared: reads and frames of streams, deliveries, sweeps, hints', async () => {
    const crm = await start();
    const clients = await Promise.all(['cem', 'dan'].map((user) => crm.open(user)));
    await storage.run({ user: 'a sender' }, async () => {
      const sent = ['cem', 'dan'].map((to) => crm.notifications.notify(to, { type: 't', title: 'at once' }));
      await Promise.all([...sent, crm.notifications.broadcast({ type: 't', title: 'to all' })]);
      await crm.dataSource.transaction((manager) =>
        crm.notifications.notify(['cem', 'dan'], { type: 't', title: 'with the commit' }, { manager }),
      );
      // What the caller has begun goes on for the caller.
      expect(storage.getStore()).toEqual({ user: 'a sender' });
      await crm.notifications.disconnect('nobody');
    });
    for (const client of clients) await client.until(() => client.ids.length === 3);
    await eventually(() => expect(statements.map(([name]) => name)).toContain('sweep'));
    const names = new Set(statements.filter(([, user]) => user !== undefined).map(([name]) => name));
    // What one user has asked, or done, stays with that request: a tracer shows it there.
    expect([...names].sort()).toEqual(['disconnect', 'identity'].filter((name) => names.has(name)));
    expect(published.length).toBeGreaterThan(2);
    expect(published.filter((user) => user !== undefined)).toEqual([]);
  });

  test('stays with questions that are the request of one user', async () => {
    const crm = await start();
    expect(await crm.ask('eva', '?limit=5')).toMatchObject({ items: [] });
    expect(statements.filter(([, user]) => user === 'eva').length).toBeGreaterThan(0);
  });

  test("is the host's own in what it makes of a stream, whoever has caused the event", async () => {
    const crm = await start();
    const client = await crm.open('fay', '/own-stream/fay');
    await storage.run({ user: 'a sender' }, () => crm.notifications.notify('fay', { type: 't', title: 'for fay' }));
    await client.until(() => client.ids.length === 1 && client.of('ping').length > 0);
    expect(new Set(client.frames.map(({ data }) => data.seen))).toEqual(new Set(['fay']));
  });
});
