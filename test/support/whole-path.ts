import { expect } from '@jest/globals';
import { createMigrations } from '../../src/notifications/inbox/migrations.js';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { NotificationsDataSource, OutboxMonitor, runNotificationsMigrations } from '../../src/notifications/index.js';
import { accessToken, type CrmApp, startCrmApp } from './crm-app.js';
import { eventually } from './eventually.js';
import { StreamClient } from './stream-client.js';

const T = { type: 't', title: 'T' };

/**
 * Goes the whole way on a database: migrations there and back, every kind of sending, a stream, reading and marking, what
 * operators see, retention. For where it may go wrong as a whole: another Postgres, another name of the schema.
 */
export async function goTheWholePath(url: string, schema = 'notifications'): Promise<void> {
  await migrateThereAndBack(url, schema);
  await runNotificationsMigrations({ type: 'postgres', url }, { schema });
  const crm = await startCrmApp({ url }, { notifications: { schema, autoMigrate: false, retention: { days: 30 } } });
  try {
    await send(crm);
    await readAndMark(crm);
    await operate(crm, schema);
  } finally {
    await crm.close();
  }
}

async function migrateThereAndBack(url: string, schema: string): Promise<void> {
  const own = new NotificationsDataSource({ type: 'postgres', url }, { schema });
  await own.initialize();
  try {
    await own.runMigrations();
    for (const _ of createMigrations(schema)) await own.undoLastMigration();
    const left = await own.query('SELECT tablename FROM pg_tables WHERE schemaname = $1', [schema]);
    expect(left).toEqual([{ tablename: 'migration' }]);
  } finally {
    await own.destroy();
  }
}

/** Five notifications for ann, of each kind one, as her stream shows them. */
async function send({ notifications, dataSource, url }: CrmApp): Promise<void> {
  const stream = await StreamClient.open(url, await accessToken('ann'));
  expect(await notifications.notify('ann', { ...T, title: 'direct', data: { a: 'é' } })).toMatchObject({
    status: 'delivered',
  });
  await dataSource.transaction(async (manager) => {
    expect((await notifications.notify('ann', { ...T, title: 'committed' }, { manager })).status).toBe('queued');
  });
  const titles = () => stream.of('message').map((frame) => frame.data.title);
  await stream.until(() => titles().length === 2);
  const many = Array.from({ length: 5_001 }, (_, i) => (i === 5_000 ? 'ann' : `user ${i}`));
  await notifications.notify(many, { ...T, title: 'large' });
  await stream.until(() => titles().length === 3);
  await notifications.broadcast({ ...T, title: 'broadcast' });
  await stream.until(() => titles().length === 4);
  const [{ soon }] = await dataSource.query(`SELECT now() + interval '200 ms' AS soon`);
  await notifications.notify('ann', { ...T, title: 'scheduled' }, { deliverAt: soon });
  await stream.until(() => titles().length === 5);
  expect(titles()).toEqual(['direct', 'committed', 'large', 'broadcast', 'scheduled']);
  stream.close();
}

async function readAndMark({ notifications }: CrmApp): Promise<void> {
  expect(await notifications.unreadCount('ann')).toMatchObject({ lastId: 5, unread: 5 });
  expect((await notifications.list('ann')).items.map(({ title, data }) => [title, data])).toContainEqual([
    'direct',
    { a: 'é' },
  ]);
  await notifications.markRead('ann', [5]);
  await notifications.markRead('ann', { upTo: 3 });
  await notifications.markUnread('ann', [1]);
  await notifications.remove('ann', [2]);
  expect(await notifications.list('ann')).toMatchObject({
    items: [{ id: 5 }, { id: 4 }, { id: 3 }, { id: 1 }],
    unread: 2,
  });
  expect(await notifications.notify('ann', T, { idempotencyKey: 'k' })).toMatchObject({ status: 'delivered' });
  expect(await notifications.notify('ann', T, { idempotencyKey: 'k' })).toMatchObject({ status: 'duplicate' });
  await notifications.disconnect('ann');
  await eventually(async () => expect(await notifications.totalConnections()).toBe(0));
}

async function operate({ app, dataSource, parked, notifications }: CrmApp, schema: string): Promise<void> {
  const s = `"${schema}"`;
  await dataSource.query(`INSERT INTO ${s}.outbox (payload) VALUES ('{"recipients": ["ann"], "type": "t"}')`);
  const [row] = await eventually(async () => {
    const rows = await parked.list();
    expect(rows).toHaveLength(1);
    return rows;
  });
  expect(await app.get(OutboxMonitor).read()).toMatchObject({ ready: 0, scheduled: 0, parked: 1 });
  expect(await parked.discard([row?.pos as number])).toBe(1);

  await notifications.notify('ann', T, { expiresAt: new Date(Date.now() + 60_000) });
  await dataSource.query(`UPDATE ${s}.inbox_item SET expires_at = now() WHERE expires_at IS NOT NULL`);
  await app.get(Purge).deleteExpired();
  for (const table of ['inbox_item', 'broadcast', 'message']) {
    await dataSource.query(`UPDATE ${s}.${table} SET created_at = created_at - interval '32 days'`);
  }
  await app.get(Purge).deleteOld();
  expect(await notifications.list('ann')).toMatchObject({ items: [], unread: 0 });
  expect(await dataSource.query(`SELECT (SELECT count(*)::int FROM ${s}.message) AS messages`)).toEqual([
    { messages: 0 },
  ]);
}
