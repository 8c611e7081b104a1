import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { MessageEvent } from '@nestjs/common';
import pg from 'pg';
import { Keyring } from '../../src/notifications/broker/keyring.js';
import type { NotificationsDataSource, Run } from '../../src/notifications/inbox/database.js';
import { useCleanup } from '../support/cleanup.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { NO_SWEEP } from '../support/instances.js';

jest.setTimeout(60_000);

const CONNECTED = 500;
const PATIENCE = { timeoutMs: 30_000 };
const T = { type: 't', title: 'To all' };

const onEnd = useCleanup();

describe(`With ${CONNECTED.toLocaleString('en')} connected`, () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let streams: MessageEvent[][];
  let statements: Statements;

  beforeEach(async () => {
    database = await createMigratedDatabase();
    onEnd(() => database.drop());
    crm = await startCrmApp(database, { notifications: NO_SWEEP });
    onEnd(() => crm.close());
    streams = Array.from({ length: CONNECTED }, (_, i) => {
      const frames: MessageEvent[] = [];
      const subscription = crm.notifications.stream(`user ${i}`).subscribe((frame) => void frames.push(frame));
      onEnd(() => subscription.unsubscribe());
      return frames;
    });
    await eventually(() => expect(streams.every((frames) => frames.length > 0)).toBe(true), PATIENCE);
    statements = new Statements(crm.own);
  });

  const idsOf = (frames: MessageEvent[]) =>
    frames.filter(({ type }) => !type || type === 'message').map(({ id }) => Number(id));

  test('a hundred broadcasts at once are a few transactions, and reach everybody once and in order', async () => {
    await Promise.all(Array.from({ length: 100 }, () => crm.notifications.broadcast(T)));
    const all = Array.from({ length: 100 }, (_, i) => i + 1);
    await eventually(() => {
      for (const frames of streams) expect(idsOf(frames)).toHaveLength(100);
    }, PATIENCE);
    for (const frames of streams) expect(idsOf(frames)).toEqual(all);
    // The first one alone, those that came meanwhile, and what a busy machine tells late.
    expect(statements.of('lock_behind_free')).toBeLessThan(15);
  });

  test('hints of others at broadcasts of which there is none are a few statements that lock nothing', async () => {
    await database.query('INSERT INTO notifications.instance (id) VALUES (gen_random_uuid())');
    await eventually(async () => {
      await notifyAll(database, ['{"from":"a flood","hints":[]}']);
      expect(crm.app.get(Keyring).mayBeUnsigned).toBe(true);
    });
    const flood = `{"from":"a flood","hints":[${Array(780).fill('["",null]').join(',')}]}`;
    const began = performance.now();
    await notifyAll(database, [...Array<string>(20).fill(flood), '{"from":"a flood","gap":true}']);
    await crm.notifications.broadcast(T);
    await eventually(() => {
      for (const frames of streams) expect(idsOf(frames)).toHaveLength(1);
    }, PATIENCE);
    const looks = Math.ceil((performance.now() - began) / 100) + 2;
    expect(statements.of('sweep')).toBeLessThanOrEqual(looks);
    expect(statements.of('lock_behind_free')).toBeLessThanOrEqual(2);
  });

  test('somebody who holds the lock of one inbox keeps nobody else from a broadcast', async () => {
    const holder = new pg.Client({ connectionString: database.url });
    await holder.connect();
    onEnd(() => holder.end());
    await holder.query(`BEGIN; SELECT FROM notifications.inbox WHERE recipient_id = 'user 7' FOR UPDATE`);
    await crm.notifications.broadcast(T);
    await eventually(() => {
      for (const [i, frames] of streams.entries()) expect(idsOf(frames)).toHaveLength(i === 7 ? 0 : 1);
    }, PATIENCE);
    // One that comes now neither waits for the lock.
    const late: MessageEvent[] = [];
    const subscription = crm.notifications.stream('user 7').subscribe((frame) => void late.push(frame));
    onEnd(() => subscription.unsubscribe());
    await eventually(() => expect(late.map(({ type }) => type)).toEqual(['ready']));

    await holder.query('ROLLBACK');
    await eventually(() => {
      for (const frames of [streams[7] as MessageEvent[], late]) expect(idsOf(frames)).toEqual([1]);
    }, PATIENCE);
  });
});

async function notifyAll(database: TestDatabase, texts: readonly string[]): Promise<void> {
  const [listener] = await database.query(
    `SELECT query FROM pg_stat_activity WHERE application_name = 'notifications listener' AND datname = current_database()`,
  );
  const [, channel] = /LISTEN (\w+)/.exec(listener?.query) ?? [];
  for (const text of texts) await database.query('SELECT pg_notify($1, $2)', [channel, text]);
}

/** Counts what an instance asks of Postgres from now on. */
class Statements {
  private readonly byName = new Map<string, number>();

  constructor(own: NotificationsDataSource) {
    const { run, inTransaction } = own;
    const counted =
      (by: Run): Run =>
      (statement, values) => {
        this.byName.set(statement.name, this.of(statement.name) + 1);
        return by(statement, values);
      };
    Object.assign(own, {
      run: counted(run),
      inTransaction: <T>(work: (run: Run) => Promise<T>) => inTransaction.call(own, (by) => work(counted(by))),
    });
  }

  of(name: string): number {
    return this.byName.get(name) ?? 0;
  }
}
