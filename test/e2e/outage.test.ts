import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type CrmApp, startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/postgres-server.js';
import { refusal } from '../support/refusal.js';

const T = { type: 't', title: 'T' };
const CALLERS = 40;
const RECOVERY = { timeoutMs: 15_000 };

// An unhandled rejection fails the test that runs: Jest sees to that.
describe('While Postgres is down', () => {
  let server: PrivatePostgres;
  let crm: CrmApp;

  beforeAll(async () => {
    server = await startPrivatePostgres();
    crm = await startCrmApp(server);
  });
  afterAll(async () => {
    await crm.close();
    await server.dispose();
  });

  const titles = async (recipient: string) => {
    const rows = await crm.own.query(
      `SELECT m.title FROM notifications.inbox_item t JOIN notifications.message m ON m.id = t.message_id
       WHERE t.recipient_id = $1 ORDER BY t.id`,
      [recipient],
    );
    return rows.map(({ title }: { title: string }) => title) as string[];
  };

  test('notify() rejects clearly, keeps what it has acknowledged, and 40 callers at once recover', async () => {
    const acknowledged: string[] = [];
    const refused: unknown[] = [];
    const pending = new Set<string>();
    let down = false;

    /** Sends one after the other until Postgres goes, and repeats the last one until it is back. */
    async function call(caller: number): Promise<void> {
      for (let i = 0; ; i++) {
        const title = `${caller}.${i}`;
        pending.add(title);
        for (;;) {
          try {
            await crm.notifications.notify('ann', { ...T, title }, { idempotencyKey: title });
            break;
          } catch (error) {
            refused.push(error);
            // Not at full speed while nothing can work.
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
        pending.delete(title);
        acknowledged.push(title);
        if (down) return;
      }
    }

    const callers = Array.from({ length: CALLERS }, (_, caller) => call(caller));
    await eventually(() => expect(acknowledged.length).toBeGreaterThan(400));
    await server.stop('immediate');
    down = true;
    await eventually(() => expect(refused.length).toBeGreaterThan(CALLERS), RECOVERY);
    const atTheCrash = [...acknowledged];
    await server.start();
    await Promise.all(callers);

    for (const error of refused) {
      const { message } = await refusal(() => Promise.reject(error), 'DATABASE_UNAVAILABLE');
      expect(message).toMatch(/^Postgres did not answer: .*with an idempotencyKey the call can be repeated\.$/);
      expect((error as Error).cause).toBeDefined();
    }
    const stored = await titles('ann');
    expect(stored).toEqual(expect.arrayContaining(atTheCrash));
    // Repeated until acknowledged: each once, although nobody knew which of them had been committed.
    expect(stored.sort()).toEqual(acknowledged.sort());
    expect(pending.size).toBe(0);
    expect(await crm.notifications.unreadCount('ann')).toMatchObject({ lastId: stored.length, unread: stored.length });
  }, 60_000);

  test('every method rejects clearly, and works again by itself', async () => {
    await crm.notifications.notify('bob', T);
    await server.stop('fast');
    const { notifications } = crm;
    const calls: [string, () => Promise<unknown>][] = [
      ['notify', () => notifications.notify('bob', T)],
      [
        'notify to many',
        () =>
          notifications.notify(
            Array.from({ length: 6_000 }, (_, i) => `r${i}`),
            T,
          ),
      ],
      ['notify later', () => notifications.notify('bob', T, { deliverAt: '2999-01-01T00:00:00Z' })],
      ['broadcast', () => notifications.broadcast(T)],
      ['list', () => notifications.list('bob')],
      ['unreadCount', () => notifications.unreadCount('bob')],
      ['markRead', () => notifications.markRead('bob', [1])],
      ['markRead up to', () => notifications.markRead('bob', { upTo: 1 })],
      ['markUnread', () => notifications.markUnread('bob', [1])],
      ['remove', () => notifications.remove('bob', [1])],
      ['disconnect', () => notifications.disconnect('bob')],
      ['parked', () => crm.parked.list()],
    ];
    try {
      for (const [name, call] of calls) {
        const { message } = await refusal(call, 'DATABASE_UNAVAILABLE');
        expect({ name, message }).toEqual({ name, message: expect.stringMatching(/^Postgres did not answer: /) });
      }
      // Bad input is told from an outage, without asking anybody.
      await refusal(() => notifications.notify('bob', { ...T, title: '' }), 'INVALID_ARGUMENT');
    } finally {
      await server.start();
    }
    for (const [, call] of calls.slice(4, 10)) await eventually(call, RECOVERY);
    expect(await titles('bob')).toEqual([]);
  }, 60_000);

  test('the outbox keeps what was committed, and the relay goes on by itself', async () => {
    const sent = Array.from({ length: 20 }, (_, i) => `committed ${i}`);
    // The relay is kept from it until the crash.
    const holder = crm.dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query(`INSERT INTO notifications.inbox (recipient_id, broadcast_position) VALUES ('carol', 0)`);
    for (const title of sent) {
      await crm.dataSource.transaction(async (manager) => {
        await crm.notifications.notify('carol', { ...T, title }, { manager });
      });
    }
    const open = crm.dataSource.transaction(async (manager) => {
      await crm.notifications.notify('carol', { ...T, title: 'never' }, { manager });
      await server.stop('immediate');
    });
    await expect(open).rejects.toThrow();
    await holder.release();
    await server.start();
    await eventually(async () => expect(await titles('carol')).toEqual(sent), RECOVERY);
    expect(await crm.own.query('SELECT FROM notifications.outbox')).toEqual([]);
  }, 60_000);
});
