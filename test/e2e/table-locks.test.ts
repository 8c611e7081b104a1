import { expect, test } from '@jest/globals';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const cleanup = useCleanup();
const T = { type: 't', title: 'T' };
const LOCK_TIMEOUT_MS = 500;

async function start() {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  const crm = await startCrmApp(database);
  cleanup(() => crm.close());
  await crm.notifications.notify('ann', T);
  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  cleanup(() => holder.end());
  return { crm, database, holder, headers: { authorization: `Bearer ${await accessToken('ann')}` } };
}

/** As a migration of the host's does. */
const lock = (holder: pg.Client, table: string) =>
  holder.query(`BEGIN; LOCK TABLE notifications.${table} IN ACCESS EXCLUSIVE MODE`);

test.each(['inbox', 'inbox_item', 'message', 'outbox', 'broadcast_counter', 'instance', 'connection_count'])(
  'a lock on the table %s delays calls and requests, and fails none',
  async (table) => {
    const { crm, database, holder, headers } = await start();
    const { notifications } = crm;
    await lock(holder, table);
    const get = async (path: string, method = 'GET') => (await fetch(crm.url + path, { method, headers })).status;
    const calls = Promise.all([
      notifications.notify('ann', T),
      notifications.notify('bob', T),
      notifications.notify('ann', T, { deliverAt: new Date() }),
      notifications.broadcast(T),
      notifications.markRead('ann', [1]),
      notifications.unreadCount('ann'),
      notifications.streamsValidFrom('ann'),
      notifications.totalConnections(),
      crm.parked.list(),
      crm.parked.retry([1]),
      get('/notifications'),
      get('/notifications/stream-token', 'POST'),
    ]).then(
      (answers) => answers.slice(-2),
      (error) => error,
    );
    // For longer than a statement waits for a lock, which was the first to fail.
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
    await eventually(async () => expect(await database.query(waiting)).not.toEqual([]));
    const began = performance.now();
    await eventually(() => expect(performance.now() - began).toBeGreaterThan(1.5 * LOCK_TIMEOUT_MS));
    await holder.query('ROLLBACK');
    expect(await calls).toEqual([200, 200]);
  },
  30_000,
);

test('a table that stays locked is INBOX_BUSY: nothing is stored', async () => {
  const { crm, database, holder } = await start();
  const { notifications } = crm;
  for (const table of ['outbox', 'inbox']) {
    await lock(holder, table);
    const later = { deliverAt: new Date(Date.now() + 3_600_000) };
    const calls =
      table === 'outbox'
        ? [notifications.notify('ann', T, later), notifications.notify('bob', T, later), crm.parked.list()]
        : [notifications.notify('ann', T), notifications.notify('bob', T), notifications.unreadCount('ann')];
    for (const result of await Promise.allSettled(calls)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'INBOX_BUSY' } });
    }
    await holder.query('ROLLBACK');
  }
  expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]);
  expect(await database.query('SELECT FROM notifications.message')).toHaveLength(1);
}, 30_000);

test('the calls of users end when Postgres is silent, and tell so', async () => {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  const url = new URL(database.url);
  const proxy = await startTcpProxy(Number(url.port));
  cleanup(() => proxy.close());
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  const crm = await startCrmApp({ url: url.href }, { notifications: { notifyTimeoutMs: 2_000 } });
  cleanup(() => crm.close());
  const { notifications } = crm;
  await notifications.notify('ann', T);
  proxy.silence('all');
  const calls = [
    notifications.unreadCount('ann'),
    notifications.list('ann'),
    notifications.markRead('ann', [1]),
    notifications.disconnect('ann'),
    notifications.streamsValidFrom('ann'),
  ];
  for (const result of await Promise.allSettled(calls)) {
    const reason = { code: 'DATABASE_UNAVAILABLE', message: expect.stringContaining('within notifyTimeoutMs') };
    expect(result).toMatchObject({ status: 'rejected', reason });
  }
  proxy.restore();
  proxy.cut();
  await eventually(() => notifications.unreadCount('ann'), { timeoutMs: 15_000 });
}, 30_000);
