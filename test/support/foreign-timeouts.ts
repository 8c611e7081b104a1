import { expect } from '@jest/globals';
import pg from 'pg';
import { hearEachOther, NO_SWEEP, startInstances } from './instances.js';

export const SHORT = '400ms';
/** Each timeout that ends a session or a statement, and the version of Postgres that brought it. */
const TIMEOUTS = {
  statement_timeout: 13,
  lock_timeout: 13,
  idle_in_transaction_session_timeout: 13,
  idle_session_timeout: 14,
  transaction_timeout: 17,
};
const MIGRATION_LOCK = "hashtextextended(current_database() || '.notifications.nestjs-crm-notifications.migrate', 0)";

/**
 * Sets every timeout that this Postgres knows, and outlasts them with migrations, calls, listeners and notifiers of ours.
 *
 * @param set the statement that sets one of them to {@link SHORT}.
 * @param onEnd is given what has to be closed.
 */
export async function proveThatNoneIsOurs(
  url: string,
  set: (timeout: string) => string,
  onEnd: (cleanUp: () => unknown) => void,
): Promise<void> {
  const connectTo = async (): Promise<pg.Client> => {
    const client = new pg.Client(url);
    client.on('error', () => undefined);
    await client.connect();
    onEnd(() => client.end());
    return client;
  };

  // Its own settings are as they were when it connected.
  const admin = await connectTo();
  const [{ version } = { version: 0 }] = (
    await admin.query<{ version: number }>("SELECT current_setting('server_version_num')::int / 10000 AS version")
  ).rows;
  for (const [timeout, since] of Object.entries(TIMEOUTS)) if (version >= since) await admin.query(set(timeout));
  await admin.query('SELECT pg_reload_conf()');
  for (const timeout of Object.keys(TIMEOUTS)) {
    if (version >= TIMEOUTS[timeout as 'lock_timeout']) await admin.query(`SET ${timeout} = 0`);
  }

  /** Waits for as long as the timeouts are: until each has ended a session or a statement of somebody else. */
  const outlast = async () => {
    const idle = await connectTo();
    const ended = version >= 14 ? new Promise((resolve) => idle.once('end', () => resolve(undefined))) : undefined;
    const busy = await connectTo();
    await expect(busy.query('SELECT pg_sleep(10)')).rejects.toMatchObject({
      code: expect.stringMatching(/57014|25P04/),
    });
    await ended;
  };
  const sessions = async () => {
    const { rows } = await admin.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
       WHERE datname = current_database() AND application_name ~ '^notifications (listener|notifier)$' ORDER BY pid`,
    );
    return rows.map(({ pid }) => pid);
  };

  // The migrations wait.
  await admin.query(`SELECT pg_advisory_lock(${MIGRATION_LOCK})`);
  const starting = startInstances({ url }, 2, NO_SWEEP);
  await outlast();
  await admin.query(`SELECT pg_advisory_unlock(${MIGRATION_LOCK})`);
  const instances = await starting;
  onEnd(() => Promise.all(instances.map((crm) => crm.close())));
  const [crm] = instances;
  const before = await sessions();
  expect(before).toHaveLength(4);

  // A statement waits, alone and in a transaction.
  await crm?.notifications.notify('ann', { type: 't', title: 'T' });
  await admin.query("BEGIN; SELECT FROM notifications.inbox WHERE recipient_id = 'ann' FOR UPDATE");
  const calls = [crm?.notifications.notify('ann', { type: 't', title: 'U' }), crm?.notifications.markRead('ann', [1])];
  await outlast();
  await admin.query('COMMIT');
  expect(await Promise.all(calls)).toMatchObject([{ status: 'delivered' }, { found: 1 }]);

  // Listener and notifier have been idle all the time, and still carry.
  expect(await sessions()).toEqual(before);
  await hearEachOther(instances);
}
