import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { InboxStore } from '../../src/notifications/inbox/inbox.store.js';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { type InboxKey, NotificationsDataSource } from '../../src/notifications/index.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { fillInbox } from '../support/huge-inbox.js';
import { inboxRows } from '../support/inbox-rows.js';
import { OldVersion } from '../support/old-version.js';
import { type Random, seeded } from '../support/random.js';

// Large enough for what is unread far below the watermark to get a mark, and for several steps up to an id.
const COUNT = 12_000;
const SLOW_MS = 120_000;

let database: TestDatabase;
let own: NotificationsDataSource;
let store: InboxStore;
let old: OldVersion;
let inboxes = 0;

beforeAll(async () => {
  database = await createMigratedDatabase();
  own = new NotificationsDataSource({ type: 'postgres', url: database.url });
  await own.initialize();
  store = new InboxStore(own);
  old = new OldVersion(own);
});

afterAll(async () => {
  await own.destroy();
  await expectNoDeadlocks(database);
  await database.drop();
});

async function filled(): Promise<InboxKey> {
  inboxes += 1;
  const key = { tenant: '', recipient: `recipient ${inboxes}` };
  await fillInbox(database, key.recipient, COUNT);
  return key;
}

async function unreadInList(key: InboxKey): Promise<number[]> {
  const ids: number[] = [];
  for (let before: number | undefined; ; ) {
    const { items, nextBefore } = await store.list(key, { unread: true, limit: 100, before });
    ids.push(...items.map(({ id }) => id));
    if (nextBefore === null) return ids.reverse();
    before = nextBefore;
  }
}

/** Counter, rows, list and streams agree; once they have been looked at by this version. */
async function expectExact(key: InboxKey): Promise<number[]> {
  const { unread } = await store.numbers(key);
  const [rows] = await inboxRows(database, key.recipient);
  expect({ unread, counter: rows?.unread }).toEqual({
    unread: rows?.unreadIds.length,
    counter: rows?.unreadIds.length,
  });
  return rows?.unreadIds ?? [];
}

/** Ids anywhere, in a neighbourhood, or near the newest. */
function someIds(random: Random): number[] {
  const from = random.pick([1, 1, random.between(1, COUNT), COUNT - 50]);
  const span = random.pick([20, 500, COUNT]);
  return Array.from({ length: random.between(1, 8) }, () => random.between(from, Math.min(COUNT + 5, from + span)));
}

test('near the watermark, too, while there is one far below it', async () => {
  const key = await filled();
  await store.markReadUpTo(key, COUNT);
  for (const id of [COUNT - 1_500, COUNT - 900, COUNT - 1_600]) await store.markUnread(key, [id]);
  expect(await expectExact(key)).toEqual([COUNT - 1_600, COUNT - 1_500, COUNT - 900]);
});

test('what expires leaves the count', async () => {
  const key = await filled();
  await store.markReadUpTo(key, COUNT);
  await store.markUnread(key, [1, 2, 3]);
  await database.query(
    'UPDATE notifications.inbox_item SET expires_at = now() WHERE recipient_id = $1 AND id IN (2, 4, 12000)',
    [key.recipient],
  );
  await new Purge(own, null, { onPurged: () => {}, onError: () => {} }).deleteExpired();
  const [rows] = await inboxRows(database, key.recipient);
  expect(rows).toMatchObject({ unread: 2, unreadIds: [1, 3] });
  expect(await expectExact(key)).toEqual([1, 3]);
});

test(
  'whatever is marked and removed, one after the other: the inbox is what a model says',
  async () => {
    await seeded(async (random) => {
      const key = await filled();
      const unread = new Set(Array.from({ length: COUNT }, (_, n) => n + 1));
      const there = new Set(unread);
      let revision = 0;
      for (let i = 0; i < 150; i++) {
        const ids = someIds(random);
        const before = [...unread].length;
        const kind = random.pick(['read', 'unread', 'unread', 'upTo', 'all', 'remove']);
        const upTo = kind === 'all' ? COUNT : random.between(1, COUNT);
        let outcome: { unread: number; change?: { revision: number } };
        const changed = new Set<number>();
        if (kind === 'read') {
          outcome = await store.markRead(key, ids);
          for (const id of ids) if (unread.delete(id)) changed.add(id);
        } else if (kind === 'unread') {
          outcome = await store.markUnread(key, ids);
          for (const id of ids) if (there.has(id) && !unread.has(id)) changed.add(id);
          for (const id of changed) unread.add(id);
        } else if (kind === 'remove') {
          outcome = await store.remove(key, ids);
          for (const id of ids) {
            if (there.delete(id)) changed.add(id);
            unread.delete(id);
          }
        } else {
          let step: { revision: number } | undefined;
          outcome = await store.markReadUpTo(key, upTo, (change) => {
            step = change;
          });
          // The last of several steps may have had nothing to mark.
          if (step && !outcome.change) outcome = { ...outcome, change: step };
          for (const id of unread) if (id <= upTo) changed.add(id);
          for (const id of changed) unread.delete(id);
        }
        expect({ i, kind, unread: outcome.unread }).toEqual({ i, kind, unread: unread.size });
        expect({ i, kind, isChange: outcome.change !== undefined }).toEqual({ i, kind, isChange: changed.size > 0 });
        if (kind !== 'upTo' && kind !== 'all') revision += changed.size > 0 ? 1 : 0;
        else revision = outcome.change?.revision ?? revision;
        expect((await store.numbers(key)).revision).toBe(revision);
        if (i % 10 === 0) {
          const ascending = [...unread].sort((a, b) => a - b);
          expect(await expectExact(key)).toEqual(ascending);
          if (before < 3_000) expect(await unreadInList(key)).toEqual(ascending);
        }
      }
    });
  },
  SLOW_MS,
);

test(
  'whatever races: counter, rows and list agree in the end',
  async () => {
    await seeded(async (random) => {
      const key = await filled();
      await store.markReadUpTo(key, COUNT);
      const work = async (own: Random) => {
        for (let i = 0; i < 40; i++) {
          await own.pick([
            () => store.markUnread(key, someIds(own)),
            () => store.markUnread(key, someIds(own)),
            () => store.markRead(key, someIds(own)),
            () => store.remove(key, someIds(own)),
            () => store.markReadUpTo(key, own.between(1, COUNT)),
            () => store.markReadUpTo(key, COUNT),
          ])();
        }
      };
      // Two stores, as two instances: each lets one change of an inbox at a time to Postgres.
      const other = new InboxStore(own);
      await Promise.all([
        ...Array.from({ length: 6 }, () => work(random.fork())),
        ...Array.from({ length: 40 }, () => other.markUnread(key, someIds(random))),
      ]);
      expect(await unreadInList(key)).toEqual(await expectExact(key));
    });
  },
  SLOW_MS,
);

describe('Beside an instance of the version before', () => {
  test('what is marked as unread near the watermark is unread there, too', async () => {
    const key = await filled();
    await store.markReadUpTo(key, COUNT);
    await store.markUnread(key, [COUNT - 900, COUNT - 3]);
    const [byOldRule] = await database.query<{ ids: number[] }>(
      `SELECT array_agg(t.id::int ORDER BY t.id) AS ids FROM notifications.inbox_item t
       JOIN notifications.inbox i USING (tenant_id, recipient_id)
       WHERE recipient_id = $1 AND t.read_at IS NULL AND t.id > i.read_up_to`,
      [key.recipient],
    );
    expect(byOldRule?.ids).toEqual([COUNT - 900, COUNT - 3]);
  });

  test.each<[string, (key: InboxKey) => Promise<void>, number[]]>([
    ['removes one with a mark', (key) => old.remove(key, [1]), []],
    ['marks one as unread that has a mark', (key) => old.markUnread(key, [1]), [1]],
    ['marks another one as unread', (key) => old.markUnread(key, [7_000]), [7_000]],
    ['removes one without', (key) => old.remove(key, [9_000]), []],
  ])('%s: the count is right as soon as this version looks', async (_, change, unread) => {
    const key = await filled();
    await store.markReadUpTo(key, COUNT);
    await store.markUnread(key, [1, 50]);
    expect(await expectExact(key)).toEqual([1, 50]);
    await change(key);
    // A stream reads it, finds it behind, and brings it up to date.
    const [page] = await store.read([{ ...key, after: null }], 1);
    expect(page?.behind).toBe(true);
    const { revision } = await store.numbers(key);
    expect(revision).toBe((page?.numbers.revision ?? 0) + 1);
    // What the old version sees as read is read.
    expect(await expectExact(key)).toEqual(unread);
    expect(await unreadInList(key)).toEqual(unread);
    await store.markUnread(key, [50]);
    expect(await expectExact(key)).toEqual([...new Set([...unread, 50])].sort((a, b) => a - b));
  });

  test('a change counts anew by itself, before it goes on', async () => {
    const key = await filled();
    await store.markReadUpTo(key, COUNT);
    await store.markUnread(key, [1, 50]);
    await old.remove(key, [50]);
    expect(await store.markUnread(key, [2])).toMatchObject({ unread: 1 });
    expect(await expectExact(key)).toEqual([2]);
  });

  test(
    'whatever both do at once: counter, rows and list agree when this version has looked',
    async () => {
      await seeded(async (random) => {
        const key = await filled();
        await store.markReadUpTo(key, COUNT);
        const work = async (own: Random, both: Pick<InboxStore | OldVersion, 'markRead' | 'markUnread' | 'remove'>) => {
          for (let i = 0; i < 30; i++) {
            await own.pick([
              () => both.markUnread(key, someIds(own)),
              () => both.markRead(key, someIds(own)),
              () => both.remove(key, someIds(own)),
              () => (both === old ? old : store).markReadUpTo(key, own.between(1, COUNT)),
            ])();
          }
        };
        await Promise.all([
          ...Array.from({ length: 2 }, () => work(random.fork(), store)),
          ...Array.from({ length: 2 }, () => work(random.fork(), old as never)),
        ]);
        expect(await unreadInList(key)).toEqual(await expectExact(key));
      });
    },
    SLOW_MS,
  );
});
