import { expect, test } from '@jest/globals';
import pg from 'pg';
import { lockName, type Statement } from '../../src/notifications/inbox/database.js';
import { Relay } from '../../src/notifications/inbox/relay.js';
import { NotificationsDataSource } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';

const KEY = `hashtextextended(current_database() || '${lockName('notifications', 'relay')}', 0)`;
const ROWS = 60;
const LOOKS = 20;

const onEnd = useCleanup();

test('an instance reads nothing of the line while another one works on it, and takes over where that stops', async () => {
  const database = await createMigratedDatabase();
  onEnd(() => database.drop());
  const leader = new pg.Client(database.url);
  await leader.connect();
  onEnd(() => leader.end());
  await database.query(
    `INSERT INTO notifications.outbox (payload)
     SELECT jsonb_build_object('recipients', jsonb_build_array('ann'), 'type', 't', 'title', n::text)
     FROM generate_series(1, ${ROWS}) n ORDER BY n`,
  );
  const own = new NotificationsDataSource({ type: 'postgres', url: database.url });
  await own.initialize();
  onEnd(() => own.destroy());

  let [reads, looks, works] = [0, 0, true];
  const run = own.run as (statement: Statement, values?: unknown[]) => Promise<unknown[]>;
  /** The leader delivers the head of the line just before each look, and has the lock but for the moment of the look. */
  const between = async (statement: Statement, values?: unknown[]) => {
    looks += 1;
    if (!works) return await run(statement, values);
    await leader.query('DELETE FROM notifications.outbox WHERE pos = (SELECT min(pos) FROM notifications.outbox)');
    await leader.query(`SELECT pg_advisory_unlock(${KEY})`);
    const rows = await run(statement, values);
    // Not after it has let go for good.
    if (works) await leader.query(`SELECT pg_advisory_lock(${KEY})`);
    return rows;
  };
  Object.assign(own, {
    run: async (statement: Statement, values?: unknown[]) => {
      if (statement.name === 'relay_read') reads += 1;
      return statement.name === 'relay_look' ? await between(statement, values) : await run(statement, values);
    },
  });
  await leader.query(`SELECT pg_advisory_lock(${KEY})`);

  const failures: unknown[] = [];
  const nothing = () => {};
  const relay = new Relay(own, {
    ...{ onDelivered: nothing, onParked: nothing, onUnknown: nothing, onBlocked: nothing },
    onError: (error) => failures.push(error),
  });
  relay.start();
  onEnd(() => relay.close());
  await eventually(() => expect(looks).toBeGreaterThanOrEqual(LOOKS), { timeoutMs: 20_000 });
  // The first, when it knew of no other.
  expect(reads).toBe(1);

  // It stops, in the middle of the line.
  works = false;
  await leader.query('SELECT pg_advisory_unlock_all()');
  // Postgres counts what an idle session has deleted up to 10 s late: until then something seems to move.
  const isEmpty = async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]);
  await eventually(isEmpty, { timeoutMs: 25_000 });
  const items = await database.query('SELECT id FROM notifications.inbox_item');
  expect(items.length).toBeGreaterThan(0);
  expect(failures).toEqual([]);
});
