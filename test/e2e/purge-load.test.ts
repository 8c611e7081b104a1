import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { inboxRows } from '../support/inbox-rows.js';
import { type Random, seeded } from '../support/random.js';

const RECIPIENTS = Array.from({ length: 8 }, (_, i) => `r${i}`);

describe('Purging under load', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let closed = false;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { notifications: { poolSize: 8 } });
  });
  afterAll(async () => {
    if (!closed) await crm.close();
    await database.drop();
  });

  test('meets deliveries, reads, mark-alls and removals without a deadlock, and the counts stay true', async () => {
    await seeded(async (random) => {
      const unplanned: unknown[] = [];
      const quiet = { onPurged: () => {}, onError: (error: unknown) => unplanned.push(error) };
      // What instances do once a second and once an hour, without a pause and several at once.
      const purges = [new Purge(crm.own, null, quiet), new Purge(crm.own, 0.000005, quiet)];
      let working = true;
      const purging = purges.map(async (purge, i) => {
        while (working) await (i === 0 ? purge.deleteExpired() : purge.deleteOld());
      });
      await Promise.all(Array.from({ length: 8 }, () => work(random.fork())));
      working = false;
      await Promise.all(purging);
      expect(unplanned).toEqual([]);
    });

    const rows = await inboxRows(database);
    const arrived = rows.reduce((sum, { lastId }) => sum + lastId, 0);
    const left = rows.reduce((sum, { ids }) => sum + ids.length, 0);
    expect(arrived - left).toBeGreaterThan(500);
    for (const { recipient, unread, unreadIds } of rows) {
      expect({ recipient, unread }).toEqual({ recipient, unread: unreadIds.length });
    }
    await crm.close();
    closed = true;
    await expectNoDeadlocks(database);
  }, 60_000);

  async function work(random: Random): Promise<void> {
    const { notifications } = crm;
    for (let i = 0; i < 200; i++) {
      const recipient = random.pick(RECIPIENTS);
      const ids = Array.from({ length: 5 }, () => random.between(1, 1 + i * 4));
      const kind = random.between(0, 9);
      if (kind < 5) {
        const expiresAt = random.chance(0.7) ? new Date(Date.now() + random.between(0, 200)) : undefined;
        await notifications.notify(random.some(RECIPIENTS, 4), { type: 't', title: 'T' }, { expiresAt });
      } else if (kind === 5) await notifications.markRead(recipient, ids);
      else if (kind === 6) await notifications.markRead(recipient, { upTo: 1 + i * 2 });
      else if (kind === 7) await notifications.markUnread(recipient, ids);
      else if (kind === 8) await notifications.remove(recipient, ids);
      else await notifications.broadcast({ type: 't', title: 'T' }).then(() => notifications.unreadCount(recipient));
    }
  }
});
