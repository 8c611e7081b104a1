import { beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

const SLOW_MS = 60_000;
const cleanup = useCleanup();
const rejection = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'it was delivered',
    (error) => error,
  );
const notification = (title: string) => ({ type: 'test', title });

let database: TestDatabase;
beforeEach(async () => {
  database = await createMigratedDatabase();
  cleanup(() => database.drop());
});

async function start(url: string, options = {}): Promise<CrmApp> {
  const crm = await startCrmApp({ url }, { notifications: options });
  cleanup(() => crm.close());
  return crm;
}

async function hold(sql: string, values: unknown[] = []): Promise<() => Promise<void>> {
  const holder = new pg.Client({ connectionString: database.url });
  cleanup(() => holder.end());
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query(sql, values);
  return async () => void (await holder.query('ROLLBACK'));
}

const titles = async (crm: CrmApp, recipient: string) =>
  (await crm.notifications.list(recipient, { limit: 100 })).items.map(({ title }) => title).reverse();

describe('An inbox that another transaction has locked', () => {
  const LOCKS: [what: string, sql: string][] = [
    ['its row', `SELECT FROM notifications.inbox WHERE recipient_id = 'locked' FOR UPDATE`],
    [
      'its row, which that transaction has just made',
      `INSERT INTO notifications.inbox (recipient_id, broadcast_position) VALUES ('new', 0)`,
    ],
    [
      'the idempotency key',
      `INSERT INTO notifications.message (type, title, idempotency_key) VALUES ('t', 'T', 'locked key')`,
    ],
  ];
  test.each(LOCKS)(
    'is reported as INBOX_BUSY, and others go on: %s',
    async (_, sql) => {
      const crm = await start(database.url);
      await crm.notifications.notify('locked', notification('before'));
      const release = await hold(sql);
      const [locked, options] = sql.includes('key')
        ? ['free', { idempotencyKey: 'locked key' }]
        : [sql.includes("'new'") ? 'new' : 'locked', {}];
      const held = Array.from({ length: 3 }, (_, i) =>
        rejection(crm.notifications.notify(locked, notification(`held ${i}`), options)),
      );
      const others = Array.from({ length: 10 }, (_, i) =>
        crm.notifications.notify(`other ${i}`, notification('other')),
      );
      expect((await Promise.all(others)).map(({ status }) => status)).toEqual(others.map(() => 'delivered'));
      // The lock was held all the time: the others have not waited for its end.
      for (const error of await Promise.all(held)) expect(error).toMatchObject({ code: 'INBOX_BUSY' });
      await release();
      const { status } = await crm.notifications.notify(locked, notification('after'), options);
      expect(status).toBe('delivered');
      expect(await titles(crm, locked)).toEqual([...(locked === 'locked' ? ['before'] : []), 'after']);
    },
    SLOW_MS,
  );

  test(
    'gets what waits in its order once it is free, and so do the others of those messages',
    async () => {
      const crm = await start(database.url);
      await crm.notifications.notify('locked', notification('before'));
      const release = await hold(LOCKS[0]?.[1] as string);
      const calls = [
        crm.notifications.notify('locked', notification('one')),
        crm.notifications.notify(['locked', 'other'], notification('two')),
        crm.notifications.notify('other', notification('three')),
        crm.notifications.notify('locked', notification('four')),
      ];
      await crm.notifications.notify('somebody', notification('beside'));
      await release();
      await Promise.all(calls);
      expect(await titles(crm, 'locked')).toEqual(['before', 'one', 'two', 'four']);
      expect(await titles(crm, 'other')).toEqual(['two', 'three']);
    },
    SLOW_MS,
  );

  test(
    'keeps queued messages of its own waiting in their order, and no others',
    async () => {
      const crm = await start(database.url);
      await crm.notifications.notify('locked', notification('before'));
      const release = await hold(LOCKS[0]?.[1] as string);
      const queue = (to: string | string[], title: string) =>
        crm.dataSource.transaction((manager) => crm.notifications.notify(to, notification(title), { manager }));
      await queue('locked', 'one');
      await queue(['locked', 'other'], 'two');
      await queue('other', 'three');
      await queue('somebody', 'beside');
      await eventually(async () => expect(await titles(crm, 'somebody')).toEqual(['beside']));
      // It is for an inbox that a message before it is for, too.
      expect(await titles(crm, 'other')).toEqual([]);
      await release();
      await eventually(async () => expect(await titles(crm, 'locked')).toEqual(['before', 'one', 'two']));
      await eventually(async () => expect(await titles(crm, 'other')).toEqual(['two', 'three']));
    },
    SLOW_MS,
  );
});

describe('A Postgres that says nothing', () => {
  async function startBehindProxy(notifyTimeoutMs: number): Promise<{ crm: CrmApp; proxy: TcpProxy }> {
    const url = new URL(database.url);
    const proxy = await startTcpProxy(Number(url.port));
    cleanup(() => proxy.close());
    url.port = String(proxy.port);
    const crm = await start(url.href, { notifyTimeoutMs });
    // The first call opens a connection, which may take longer than its deadline on a busy machine.
    await eventually(() => crm.notifications.notify('alice', notification('before')));
    return { crm, proxy };
  }

  test(
    'ends every call at its deadline, saying whether it may have been stored; what was stored reaches its stream',
    async () => {
      const { crm, proxy } = await startBehindProxy(500);
      const client = await StreamClient.open(crm.url, await accessToken('alice'));
      cleanup(() => client.close());
      await client.until(() => client.of('ready').length === 1);
      proxy.silence('all');
      const calls = Array.from({ length: 3_000 }, (_, i) =>
        rejection(crm.notifications.notify('alice', notification(`${i}`))),
      );
      const scheduled = rejection(
        crm.notifications.notify('alice', notification('later'), { deliverAt: new Date(Date.now() + 3_600_000) }),
      );
      const codes = (await Promise.all(calls)).map((error) => (error as { code: string }).code);
      expect(await scheduled).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
      const sent = codes.filter((code) => code === 'DEADLINE_EXCEEDED').length;
      expect(codes.filter((code) => code === 'OVERLOADED')).toHaveLength(3_000 - sent);
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThanOrEqual(1_000);
      proxy.cut();
      proxy.restore();
      await eventually(async () => {
        const { status } = await crm.notifications.notify('alice', notification('after'));
        expect(status).toBe('delivered');
      });
      const stored = await titles(crm, 'alice');
      // What was said not to be stored is not.
      const notStored = codes.flatMap((code, i) => (code === 'OVERLOADED' ? [`${i}`] : []));
      expect(stored.filter((title) => notStored.includes(title))).toEqual([]);
      await client.until(() => client.of('message').some((frame) => frame.data.title === 'after'));
    },
    SLOW_MS,
  );

  test(
    'is kept from filling the memory: 10,000 calls wait, whatever they send; one more is refused at once',
    async () => {
      const { crm, proxy } = await startBehindProxy(5_000);
      proxy.silence('all');
      let settled = 0;
      const deliverAt = new Date(Date.now() + 3_600_000);
      const ways = [
        () => crm.notifications.notify('alice', notification('direct')),
        () => crm.notifications.broadcast(notification('broadcast')),
        () => crm.notifications.notify('alice', notification('later'), { deliverAt }),
      ];
      const calls = Array.from({ length: 10_000 }, async (_, i) => {
        await rejection((ways[i % ways.length] as () => Promise<unknown>)());
        settled += 1;
      });
      await new Promise((resolve) => setImmediate(resolve));
      const refused = await Promise.all(ways.map((send) => rejection(send())));
      expect(refused).toMatchObject(ways.map(() => ({ code: 'OVERLOADED' })));
      expect(settled).toBe(0);
      proxy.cut();
      proxy.restore();
      await Promise.all(calls);
    },
    SLOW_MS,
  );
});
