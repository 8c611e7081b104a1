import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { eventually } from '../support/eventually.js';
import { inboxRows } from '../support/inbox-rows.js';
import { type Random, seeded } from '../support/random.js';

const RECIPIENTS = Array.from({ length: 8 }, (_, i) => `r${i}`);
const T = { type: 't', title: 'T' };

describe('Purging under load', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let closed = false;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { notifications: { poolSize: 8 }, dataSource: { extra: { max: 4 } } as object });
  });
  afterAll(async () => {
    if (!closed) await crm.close();
    await database.drop();
  });

  test('meets deliveries, broadcasts, marks and locked inboxes without a deadlock, and the counts stay true', async () => {
    for (const recipient of RECIPIENTS) await crm.notifications.unreadCount(recipient);
    const purged = { messages: 0 };
    await seeded(async (random) => {
      const unplanned: unknown[] = [];
      const quiet = { onPurged: () => {}, onError: (error: unknown) => unplanned.push(error) };
      // What instances do once a second and once an hour, without a pause and several at once.
      const purges = [null, 0.25, 0.25].map((days) => new Purge(crm.own, days, quiet));
      let working = true;
      const purging = purges.map(async (purge, i) => {
        while (working) {
          const before = await messages();
          await (i === 0 ? purge.deleteExpired() : purge.deleteOld());
          purged.messages += Math.max(0, before - (await messages()));
          await expectTrueCounts();
        }
      });
      const disturbing = [hold, age].map(async (disturb) => {
        const own = random.fork();
        while (working) await disturb(own);
      });
      await Promise.all(Array.from({ length: 8 }, () => work(random.fork())));
      working = false;
      await Promise.all([...purging, ...disturbing]);
      expect(unplanned).toEqual([]);
    });

    await eventually(async () => {
      expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]);
      for (const recipient of RECIPIENTS) await crm.notifications.unreadCount(recipient);
      expect(await database.query('SELECT FROM notifications.inbox_item WHERE expires_at IS NOT NULL')).toEqual([]);
    });
    const rows = await inboxRows(database);
    const arrived = rows.reduce((sum, { lastId }) => sum + lastId, 0);
    const left = rows.reduce((sum, { ids }) => sum + ids.length, 0);
    expect(arrived - left).toBeGreaterThan(500);
    expect(purged.messages).toBeGreaterThan(100);
    for (const { recipient, ids, unread, unreadIds } of rows) {
      expect({ recipient, unread }).toEqual({ recipient, unread: unreadIds.length });
      // Nothing of what is there is passed over without a word.
      const { items } = await crm.notifications.list(recipient, { limit: 100 });
      expect(items.map(({ id }) => id)).toEqual(ids.reverse().slice(0, 100));
    }
    await crm.close();
    closed = true;
    await expectNoDeadlocks(database);
  }, 60_000);

  const messages = async () => {
    const [row] = await database.query<{ n: number }>('SELECT count(*)::int AS n FROM notifications.message');
    return row?.n ?? 0;
  };

  /** Counters equal rows, in one statement and so of one moment; and every item has its message. */
  const expectTrueCounts = async () => {
    for (const { recipient, unread, unreadIds } of await inboxRows(database)) {
      expect({ recipient, unread }).toEqual({ recipient, unread: unreadIds.length });
    }
    const orphans = await database.query(`
      SELECT t.recipient_id, t.id FROM notifications.inbox_item t
      WHERE NOT EXISTS (SELECT FROM notifications.message m WHERE m.id = t.message_id)`);
    expect(orphans).toEqual([]);
  };

  /** Somebody locks some inboxes for a moment. */
  async function hold(random: Random): Promise<void> {
    const some = random.some(RECIPIENTS, random.between(1, 3)).sort();
    await crm.dataSource.transaction(async (manager) => {
      await manager.query(
        `SELECT FROM notifications.inbox WHERE recipient_id = ANY ($1) ORDER BY recipient_id FOR UPDATE`,
        [some],
      );
      await sleep(random.between(0, 60));
    });
    await sleep(random.between(0, 20));
  }

  /** A day passes for some messages; for the items of some of them it is a little less, as of parts that came later. */
  async function age(random: Random): Promise<void> {
    await crm.dataSource.transaction(async (manager) => {
      await manager.query('SELECT FROM notifications.inbox ORDER BY tenant_id, recipient_id FOR UPDATE');
      const rows: { id: string }[] = await manager.query('SELECT id FROM notifications.message ORDER BY id');
      const ids = random.some(rows, Math.ceil(rows.length / 2)).map(({ id }) => id);
      const later = random.chance(0.3) ? '20 hours' : '26 hours';
      for (const [table, column, interval] of [
        ['message', 'id', '26 hours'],
        ['broadcast', 'message_id', '26 hours'],
        ['inbox_item', 'message_id', later],
      ]) {
        const sql = `UPDATE notifications.${table} SET created_at = created_at - $2::interval WHERE ${column} = ANY ($1)`;
        await manager.query(sql, [ids, interval]);
      }
    });
    await sleep(random.between(0, 30));
  }

  async function work(random: Random): Promise<void> {
    const { notifications } = crm;
    for (let i = 0; i < 150; i++) {
      const recipient = random.pick(RECIPIENTS);
      const ids = Array.from({ length: 5 }, () => random.between(1, 1 + i * 4));
      const kind = random.between(0, 10);
      if (kind < 4) {
        const expiresAt = random.chance(0.5) ? new Date(Date.now() + random.between(0, 200)) : undefined;
        await notifications.notify(random.some(RECIPIENTS, 4), T, { expiresAt });
      } else if (kind === 4) await parts();
      else if (kind === 5) await notifications.markRead(recipient, ids);
      else if (kind === 6) await notifications.markRead(recipient, { upTo: 1 + i * 2 });
      else if (kind === 7) await notifications.markUnread(recipient, ids);
      else if (kind === 8) await notifications.remove(recipient, ids);
      else await notifications.broadcast(T).then(() => notifications.unreadCount(recipient));
    }
  }

  /** A message in several rows, as instances write it for more than 5,000 recipients. */
  async function parts(): Promise<void> {
    const id = randomUUID();
    const rows = [RECIPIENTS.slice(0, 4), RECIPIENTS.slice(4)].map((recipients, part) => ({
      ...{ ...T, id, recipients },
      ...(part > 0 && { continues: true }),
    }));
    await database.query('INSERT INTO notifications.outbox (payload) SELECT jsonb_array_elements($1::jsonb)', [
      JSON.stringify(rows),
    ]);
  }
});
