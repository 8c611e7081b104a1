import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import { createInbox, type Inbox, type InboxOptions } from '../../src/client/index.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type Random, seeded } from '../support/random.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

// The other tests of the client know the server from the documentation of the wire format; here it is the real one.
const onEnd = useCleanup();
let database: TestDatabase;
let crm: CrmApp;
let recipients = 0;

beforeAll(async () => {
  database = await createMigratedDatabase();
  crm = await startCrmApp(database, { notifications: { retryMs: 20, maxReplay: 50, maxStreamsPerRecipient: 20 } });
});

afterAll(async () => {
  await crm.close();
  await database.drop();
});

/** An inbox of a recipient of its own, live. */
async function open(count: number, options: Partial<InboxOptions> & { base?: string } = {}) {
  recipients += 1;
  const user = `user-${recipients}`;
  for (let i = 0; i < count; i++) await notify(user);
  const { base = crm.url, ...rest } = options;
  const url = `${base}/notifications`;
  const inbox = createInbox({ url, token: () => accessToken(user), eventSource: EventSource, ...rest });
  onEnd(() => inbox.close());
  await isLive(inbox);
  return { user, inbox };
}

async function notify(user: string): Promise<void> {
  await crm.notifications.notify(user, { type: 't', title: 'Something happened', data: { n: 1 } });
}

async function isLive(inbox: Inbox): Promise<void> {
  await eventually(() => expect(inbox.getState().status).toBe('live'), { timeoutMs: 20_000 });
}

/** What is shown is what the server holds. */
async function agrees(inbox: Inbox, user: string): Promise<void> {
  await eventually(
    async () => {
      const { items, unread } = inbox.getState();
      const page = await crm.notifications.list(user, { limit: 100 });
      expect(items).toEqual(page.items.slice(0, items.length));
      expect(unread).toBe(page.unread);
    },
    { timeoutMs: 20_000 },
  );
}

test('shows the list, arrivals and changes of other devices', async () => {
  const { user, inbox } = await open(25);
  expect(inbox.getState()).toMatchObject({ unread: 25, hasMore: true });
  await notify(user);
  await eventually(() => expect(inbox.getState()).toMatchObject({ unread: 26, items: { length: 21 } }));
  await inbox.loadMore();
  expect(inbox.getState()).toMatchObject({ hasMore: false, items: { length: 26 } });
  await crm.notifications.markRead(user, [26, 3]);
  await crm.notifications.remove(user, [25]);
  await agrees(inbox, user);
  expect(inbox.getState()).toMatchObject({ unread: 23, items: { length: 25 } });
});

test('marks and removes, and undoes what is refused', async () => {
  const { user, inbox } = await open(3);
  await inbox.markRead([1, 2]);
  await inbox.markUnread(1);
  await inbox.remove(3);
  expect(inbox.getState()).toMatchObject({
    unread: 1,
    items: [
      { id: 2, read: true },
      { id: 1, read: false },
    ],
  });
  await inbox.markRead('all');
  await agrees(inbox, user);
  expect(inbox.getState().unread).toBe(0);
  await expect(inbox.markUnread(99)).rejects.toMatchObject({ code: 'refused', status: 404 });
  await agrees(inbox, user);
});

test('gets signals', async () => {
  const { user, inbox } = await open(0);
  const signals: unknown[] = [];
  inbox.on('signal', (signal) => signals.push(signal));
  crm.notifications.signal(user, 'import.progress', { done: 1 });
  await eventually(() => expect(signals).toEqual([{ type: 'import.progress', data: { done: 1 } }]));
});

test('stops when the session is over, and begins anew with another', async () => {
  let token = await accessToken('erin', {}, '2s');
  const { inbox } = await open(0, { token: () => token });
  await eventually(() => expect(inbox.getState().status).toBe('signed-out'), { timeoutMs: 20_000 });
  token = await accessToken('erin');
  inbox.open();
  await isLive(inbox);
});

test('comes back after disconnect(), because its credentials are still good', async () => {
  const { user, inbox } = await open(1);
  const statuses: string[] = [];
  inbox.subscribe(({ status }) => statuses.push(status));
  await crm.notifications.disconnect(user);
  await eventually(() => expect(statuses).toContain('reconnecting'));
  await isLive(inbox);
});

test('whatever happens, it ends up as the server has it', async () => {
  await seeded(async (random: Random) => {
    const proxy = await startTcpProxy(Number(new URL(crm.url).port));
    onEnd(() => proxy.close());
    const { user, inbox } = await open(60, { base: `http://127.0.0.1:${proxy.port}` });
    const arrived: number[] = [];
    inbox.on('notification', ({ id }) => arrived.push(id));
    for (let i = 0; i < 200; i++) {
      const ids = random.some(
        Array.from({ length: 70 }, (_, n) => n + 1),
        2,
      );
      const action = random.pick([
        () => notify(user),
        () => notify(user),
        () => crm.notifications.markRead(user, ids),
        () => crm.notifications.markUnread(user, ids),
        () => crm.notifications.remove(user, ids.slice(1)),
        () => inbox.markRead(ids),
        () => inbox.markRead('all'),
        () => inbox.markUnread(ids),
        () => inbox.remove(ids),
        () => inbox.loadMore(),
        async () => proxy.cut(),
      ]);
      // A cut takes what is under way with it.
      const done = action().catch(() => {});
      if (random.chance(0.5)) await done;
    }
    await notify(user);
    await isLive(inbox);
    await agrees(inbox, user);
    expect(arrived).toEqual([...new Set(arrived)].sort((a, b) => a - b));
  });
}, 60_000);
