import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { DirectDelivery } from '../../src/notifications/inbox/direct-delivery.js';
import { type ChangeOutcome, InboxStore } from '../../src/notifications/inbox/inbox.store.js';
import { Purge } from '../../src/notifications/inbox/purge.js';
import { type InboxKey, NotificationsDataSource } from '../../src/notifications/index.js';
import { uuidV7 } from '../../src/notifications/uuid-v7.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { inboxRows } from '../support/inbox-rows.js';

let database: TestDatabase;
let own: NotificationsDataSource;
let store: InboxStore;
let delivery: DirectDelivery;
let inboxes = 0;

beforeAll(async () => {
  database = await createMigratedDatabase();
  own = new NotificationsDataSource({ type: 'postgres', url: database.url });
  await own.initialize();
  store = new InboxStore(own);
  delivery = new DirectDelivery(own);
});

afterAll(async () => {
  await delivery.close();
  await own.destroy();
  await database.drop();
});

function newKey(): InboxKey {
  inboxes += 1;
  return { tenant: '', recipient: `recipient ${inboxes}` };
}

async function deliver({ tenant, recipient }: InboxKey, type = 'test', expiresAt?: string): Promise<void> {
  const message = { id: uuidV7(), tenant, type, title: 'title', recipients: [recipient], expiresAt };
  expect(await delivery.deliver(message)).toMatchObject({ existing: null });
}

/** An inbox with that many unread notifications, their ids 1, 2, 3 … */
async function inboxOf(count: number): Promise<InboxKey> {
  const key = newKey();
  for (let i = 0; i < count; i++) await deliver(key);
  return key;
}

/** The counter, the rows and the list agree on what is unread, and it is this. */
async function expectUnread(key: InboxKey, unreadIds: number[]): Promise<void> {
  const [rows] = await inboxRows(database, key.recipient);
  expect(rows).toMatchObject({ unread: unreadIds.length, unreadIds });
  const { items } = await store.list(key, { unread: true, limit: 100 });
  expect(items.map((item) => item.id).reverse()).toEqual(unreadIds);
}

describe('Marking as read', () => {
  test('moves the revision by one, whatever the number of ids', async () => {
    const key = await inboxOf(4);
    expect(await store.markRead(key, [3, 1])).toEqual({
      ...{ lastId: 4, unread: 2, revision: 1, found: 2 },
      change: { revision: 1, read: [1, 3] },
    });
    await expectUnread(key, [2, 4]);
  });

  test('an id twice in one call counts once', async () => {
    const key = await inboxOf(2);
    expect(await store.markRead(key, [1, 1, 1])).toMatchObject({ unread: 1, found: 1, change: { read: [1] } });
    await expectUnread(key, [2]);
  });

  test('again changes nothing: no revision, no details', async () => {
    const key = await inboxOf(2);
    await store.markRead(key, [1]);
    expect(await store.markRead(key, [1])).toEqual({ lastId: 2, unread: 1, revision: 1, found: 1 });
    expect(await store.markRead(key, [1, 2])).toMatchObject({ revision: 2, found: 2, change: { read: [2] } });
  });

  test('ids that are not in the inbox are passed over', async () => {
    const key = await inboxOf(1);
    expect(await store.markRead(key, [0, 2, 999_999_999_999_999])).toEqual({
      ...{ lastId: 1, unread: 1, revision: 0, found: 0 },
    });
    expect(await store.markRead(key, [1, 2])).toMatchObject({ unread: 0, found: 1, change: { read: [1] } });
  });

  test('below the watermark changes nothing', async () => {
    const key = await inboxOf(3);
    await store.markReadUpTo(key, 2);
    expect(await store.markRead(key, [1, 2])).toEqual({ lastId: 3, unread: 1, revision: 1, found: 2 });
    expect(await store.markRead(key, [2, 3])).toMatchObject({ unread: 0, revision: 2, change: { read: [3] } });
  });
});

describe('Marking all as read up to an id', () => {
  test('moves the watermark, and counts what is unread above it', async () => {
    const key = await inboxOf(5);
    await store.markRead(key, [1, 5]);
    expect(await store.markReadUpTo(key, 3)).toMatchObject({
      ...{ lastId: 5, unread: 1, revision: 2, change: { revision: 2, readUpTo: 3 } },
    });
    await expectUnread(key, [4]);
  });

  test('beyond the last id goes up to it, and no further: what comes next is unread', async () => {
    const key = await inboxOf(2);
    expect(await store.markReadUpTo(key, 1_000)).toMatchObject({ unread: 0, change: { readUpTo: 2 } });
    await deliver(key);
    await expectUnread(key, [3]);
  });

  test('changes nothing where nothing is unread below, and never goes back', async () => {
    const key = await inboxOf(3);
    await store.markReadUpTo(key, 2);
    for (const upTo of [0, 1, 2]) {
      expect(await store.markReadUpTo(key, upTo)).toEqual({ lastId: 3, unread: 1, revision: 1, found: 0 });
    }
    await store.markRead(key, [3]);
    expect(await store.markReadUpTo(key, 3)).toEqual({ lastId: 3, unread: 0, revision: 2, found: 0 });
    await expectUnread(key, []);
  });
});

describe('Marking as unread', () => {
  /** Six notifications, read up to 4 but for the first, which was read by itself before; 6 was read by itself too. */
  async function withWatermark(): Promise<InboxKey> {
    const key = await inboxOf(6);
    await store.markRead(key, [1]);
    await store.markReadUpTo(key, 4);
    await store.markRead(key, [6]);
    await expectUnread(key, [5]);
    return key;
  }

  test.each([
    { where: 'the first, read by itself and by the watermark', ids: [1], unread: [1, 5] },
    { where: 'the lowest read by the watermark alone', ids: [2], unread: [2, 5] },
    { where: 'the watermark itself', ids: [4], unread: [4, 5] },
    { where: 'several below the watermark', ids: [2, 4], unread: [2, 4, 5] },
    { where: 'all below the watermark', ids: [1, 2, 3, 4], unread: [1, 2, 3, 4, 5] },
    { where: 'above the watermark', ids: [6], unread: [5, 6] },
    { where: 'on both sides of it', ids: [3, 6], unread: [3, 5, 6] },
    { where: 'one that is unread, and one that is not', ids: [5, 3], changed: [3], unread: [3, 5] },
    { where: 'twice the same', ids: [3, 3], changed: [3], unread: [3, 5] },
    { where: 'one that is not in the inbox', ids: [3, 99], changed: [3], unread: [3, 5] },
  ])('$where', async ({ ids, changed = ids, unread }) => {
    const key = await withWatermark();
    const { revision } = await store.numbers(key);
    expect(await store.markUnread(key, ids)).toEqual({
      ...{ lastId: 6, unread: unread.length, revision: revision + 1 },
      found: new Set(ids.filter((id) => id <= 6)).size,
      change: { revision: revision + 1, unreadIds: changed },
    });
    await expectUnread(key, unread);
    // And back, by either way.
    expect(await store.markRead(key, changed)).toMatchObject({ unread: 1, change: { read: changed } });
    await expectUnread(key, [5]);
    await store.markUnread(key, changed);
    expect(await store.markReadUpTo(key, 6)).toMatchObject({ unread: 0, change: { readUpTo: 6 } });
    await expectUnread(key, []);
  });

  test('where a notification below the watermark has been removed', async () => {
    const key = await withWatermark();
    await store.remove(key, [3]);
    expect(await store.markUnread(key, [3])).toEqual({ lastId: 6, unread: 1, revision: 4, found: 0 });
    expect(await store.markUnread(key, [2])).toMatchObject({ unread: 2, found: 1 });
    await expectUnread(key, [2, 5]);
  });

  test('what is unread stays so: no revision, no details', async () => {
    const key = await inboxOf(2);
    expect(await store.markUnread(key, [1, 2])).toEqual({
      ...{ lastId: 2, unread: 2, revision: 0, found: 2 },
    });
  });
});

describe('Removing', () => {
  test('read and unread ones: only the unread leave the count', async () => {
    const key = await inboxOf(5);
    await store.markReadUpTo(key, 2);
    await store.markRead(key, [4]);
    expect(await store.remove(key, [1, 3, 4, 4, 77])).toEqual({
      ...{ lastId: 5, unread: 1, revision: 3, found: 3 },
      change: { revision: 3, removed: [1, 3, 4] },
    });
    await expectUnread(key, [5]);
  });

  test('again finds nothing, and changes nothing', async () => {
    const key = await inboxOf(1);
    await store.remove(key, [1]);
    expect(await store.remove(key, [1])).toEqual({ lastId: 1, unread: 0, revision: 1, found: 0 });
  });

  test('an id is never given again', async () => {
    const key = await inboxOf(2);
    await store.remove(key, [1, 2]);
    await deliver(key);
    expect((await inboxRows(database, key.recipient))[0]).toMatchObject({ lastId: 3, ids: [3], unread: 1 });
  });
});

test('an inbox that nobody has used yet answers every change with zeros, and is not created by it', async () => {
  const changes: ((key: InboxKey) => Promise<ChangeOutcome>)[] = [
    (key) => store.markRead(key, [1]),
    (key) => store.markReadUpTo(key, 10),
    (key) => store.markUnread(key, [1]),
    (key) => store.remove(key, [1]),
  ];
  for (const change of changes) {
    const key = newKey();
    expect(await change(key)).toEqual({ lastId: 0, unread: 0, revision: 0, found: 0 });
    expect(await inboxRows(database, key.recipient)).toEqual([]);
  }
  const empty = newKey();
  expect(await store.list(empty, {})).toEqual({ items: [], nextBefore: null, lastId: 0, unread: 0, revision: 0 });
  expect(await store.markReadUpTo(empty, 10)).toEqual({ lastId: 0, unread: 0, revision: 0, found: 0 });
});

test('arrivals move the last id and never the revision', async () => {
  const key = await inboxOf(3);
  expect(await store.numbers(key)).toMatchObject({ lastId: 3, unread: 3, revision: 0 });
});

describe('Listing', () => {
  async function pages(key: InboxKey, query: Parameters<InboxStore['list']>[1]): Promise<number[][]> {
    const result: number[][] = [];
    let before: number | undefined;
    do {
      const page = await store.list(key, { ...query, before });
      result.push(page.items.map((item) => item.id));
      before = page.nextBefore ?? undefined;
    } while (before !== undefined);
    return result;
  }

  test('pages are full over holes, newest first, and the last one knows that it is', async () => {
    const key = await inboxOf(12);
    await store.remove(key, [12, 9, 8, 7, 1]);
    expect(await pages(key, { limit: 3 })).toEqual([[11, 10, 6], [5, 4, 3], [2]]);
    expect(await pages(key, { limit: 7 })).toEqual([[11, 10, 6, 5, 4, 3, 2]]);
    // From an id that is itself a hole.
    const { items } = await store.list(key, { before: 9, limit: 1 });
    expect(items.map((item) => item.id)).toEqual([6]);
  });

  test('by type, by unread, and by both, with what no longer is read below the watermark', async () => {
    const key = newKey();
    for (let i = 1; i <= 8; i++) await deliver(key, i % 2 ? 'odd' : 'even');
    await store.markReadUpTo(key, 6);
    await store.markUnread(key, [2, 3]);
    await store.markRead(key, [8]);
    expect(await pages(key, { limit: 2, type: 'even' })).toEqual([
      [8, 6],
      [4, 2],
    ]);
    expect(await pages(key, { limit: 2, unread: true })).toEqual([[7, 3], [2]]);
    expect(await pages(key, { unread: true, type: 'odd' })).toEqual([[7, 3]]);
    expect(await pages(key, { type: 'ODD' })).toEqual([[]]);
    const { items } = await store.list(key, {});
    expect(items.filter((item) => !item.read).map((item) => item.id)).toEqual([7, 3, 2]);
  });

  test('beyond either end is an empty page with the numbers', async () => {
    const key = await inboxOf(2);
    expect(await store.list(key, { before: 1 })).toMatchObject({ items: [], nextBefore: null, lastId: 2, unread: 2 });
    expect(await pages(key, { limit: 1 })).toEqual([[2], [1]]);
  });
});

test('what has expired is neither listed nor found from that instant on, and its count goes with it', async () => {
  const key = await inboxOf(1);
  await deliver(key, 'test', new Date(Date.now() + 60_000).toISOString());
  await database.query(
    `UPDATE notifications.inbox_item SET expires_at = now() - interval '1 second'
     WHERE recipient_id = $1 AND id = 2`,
    [key.recipient],
  );
  expect((await store.list(key, {})).items.map((item) => item.id)).toEqual([1]);
  const unchanged = { lastId: 2, unread: 2, revision: 0, found: 0 };
  expect(await store.markRead(key, [2])).toEqual(unchanged);
  expect(await store.markUnread(key, [2])).toEqual(unchanged);
  const [page] = await store.read([{ ...key, after: 0 }], 10);
  expect(page?.items.map((item) => item.id)).toEqual([1]);

  await new Purge(own, null, { onPurged: () => {}, onError: () => {} }).deleteExpired();
  expect(await store.numbers(key)).toMatchObject({ lastId: 2, unread: 1, revision: 1 });
  await expectUnread(key, [1]);
});

test('changes that race for one inbox keep counter and rows the same', async () => {
  const key = await inboxOf(30);
  const ids = Array.from({ length: 30 }, (_, index) => index + 1);
  await Promise.all(
    ids.flatMap((id) => [
      store.markRead(key, ids.slice(0, id)),
      store.markUnread(key, [id]),
      store.markReadUpTo(key, id),
      deliver(key),
      ...(id % 5 === 0 ? [store.remove(key, [id])] : []),
    ]),
  );
  const [rows] = await inboxRows(database, key.recipient);
  expect(rows).toMatchObject({ lastId: 60, unread: rows?.unreadIds.length });
  expect(rows?.ids).toEqual(Array.from({ length: 60 }, (_, index) => index + 1).filter((id) => id > 30 || id % 5));
});

test('revisions tell effective changes: each of those that race has one of its own', async () => {
  const key = await inboxOf(20);
  const outcomes = await Promise.all(Array.from({ length: 60 }, (_, index) => store.markRead(key, [(index % 20) + 1])));
  const revisions = outcomes.flatMap((outcome) => (outcome.change ? [outcome.change.revision] : []));
  expect(revisions.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
});

test('direct delivery takes a call at whatever moment the one before has ended', async () => {
  const key = newKey();
  for (let turns = 0; turns < 12; turns++) {
    await deliver(key);
    for (let i = 0; i < turns; i++) await null;
  }
  expect(await store.numbers(key)).toMatchObject({ lastId: 12 });
});
