import { expect, test } from '@jest/globals';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

const cleanup = useCleanup();
const LOCKED = Array.from({ length: 8 }, (_, n) => `locked ${n}`);
const T = { type: 't', title: 'T' };

/** An application with so many connections, and users who ask for what another transaction has locked. */
async function startWithStuckQuestions(poolSize: number) {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  const crm = await startCrmApp(database, { notifications: { poolSize } });
  cleanup(() => crm.close());
  await crm.notifications.notify([...LOCKED, 'somebody'], T);

  const holder = new pg.Client({ connectionString: database.url });
  await holder.connect();
  cleanup(() => holder.end());
  await holder.query('BEGIN');
  await holder.query(`SELECT FROM notifications.inbox WHERE recipient_id LIKE 'locked%' FOR UPDATE`);
  let answered = 0;
  const questions = LOCKED.map((recipient) => crm.notifications.markRead(recipient, [1]).finally(() => answered++));
  const settled = Promise.allSettled(questions);
  const stuck = await eventually(async () => {
    const rows = await database.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0`,
    );
    expect(rows.length).toBeGreaterThan(0);
    return rows.length;
  });
  expect(answered).toBe(0);
  return { crm, stuck, release: () => holder.query('ROLLBACK'), settled };
}

test.each([
  [2, 1],
  [3, 1],
  [4, 2],
  [8, 6],
])('with %i connections at most %i are taken by questions: deliveries go on', async (poolSize, most) => {
  const { crm, stuck, release, settled } = await startWithStuckQuestions(poolSize);
  expect(stuck).toBeLessThanOrEqual(most);
  for (let i = 0; i < 20; i++) expect((await crm.notifications.notify(`other ${i}`, T)).status).toBe('delivered');
  const queued = await crm.dataSource.transaction((manager) => crm.notifications.notify('relayed', T, { manager }));
  expect(queued.status).toBe('queued');
  // From 3 on a stream has one of its own as well: it is opened, and replays.
  if (poolSize > 2) {
    const client = await StreamClient.open(crm.url, await accessToken('somebody'), { lastEventId: 0 });
    cleanup(() => client.close());
    await client.until(() => client.ids.length === 1);
  }
  await release();
  await settled;
  await eventually(async () => expect(await crm.notifications.unreadCount('relayed')).toMatchObject({ unread: 1 }));
  expect((await crm.notifications.markRead('locked 0', [1])).unread).toBe(0);
});

test('with one connection all wait for the same, and all have their turn', async () => {
  const { crm, release, settled } = await startWithStuckQuestions(1);
  const delivered = crm.notifications.notify('other', T);
  await release();
  await settled;
  expect((await delivered).status).toBe('delivered');
  expect(await crm.notifications.unreadCount('other')).toMatchObject({ unread: 1 });
});
