import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { InboxStore } from '../../src/notifications/inbox/inbox.store.js';
import { STREAM_HOSTS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { anyCharacter, largestNotification } from '../support/largest-notification.js';
import { StreamClient } from '../support/stream-client.js';

const MISSED = 1_000;
const USERS = { alike: 'alike', mixed: 'mixed', stalling: 'stalling' };

describe.each(STREAM_HOSTS)('Paced by the socket, on %s', (_, adapter, writer) => {
  let database: TestDatabase;
  let crm: CrmApp;
  let reads: string[];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { adapter: adapter(), notifications: writer });
    const store = crm.app.get(InboxStore);
    const read = store.read.bind(store);
    jest.spyOn(store, 'read').mockImplementation(async (requests, limit) => {
      reads.push(...requests.map((request) => request.recipient));
      return await read(requests, limit);
    });
    const [alike, mixed] = [largestNotification(), largestNotification(anyCharacter)];
    for (let i = 0; i < MISSED; i += 50) {
      const send = (to: string[], message: typeof alike) =>
        Promise.all(Array.from({ length: 50 }, () => crm.notifications.notify(to, message)));
      await Promise.all([send([USERS.alike], alike), send([USERS.mixed, USERS.stalling], mixed)]);
    }
  }, 60_000);

  beforeEach(() => {
    reads = [];
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  function expectAll({ frames, ids }: StreamClient): void {
    expect(ids).toEqual(Array.from({ length: MISSED }, (__, i) => i + 1));
    const sizes = frames.flatMap(({ event, data }) => (event === 'message' ? [JSON.stringify(data.data).length] : []));
    expect(new Set(sizes)).toEqual(new Set([JSON.stringify(largestNotification().data).length]));
  }

  function readsOf(user: string): number {
    return reads.filter((recipient) => recipient === user).length;
  }

  /** Resolves once nothing is read for the user any more, however much goes on elsewhere. */
  async function untilStalled(user: string): Promise<number> {
    const other = await StreamClient.open(crm.url, await accessToken('other'));
    for (;;) {
      const before = readsOf(user);
      const [base] = other.ids.slice(-1);
      for (let i = 0; i < 20; i++) await crm.notifications.notify('other', { type: 't', title: 'x' });
      await other.until(() => other.ids.length >= 20 && (other.ids.at(-1) ?? 0) >= (base ?? 0) + 20);
      if (readsOf(user) !== before) continue;
      other.close();
      return before;
    }
  }

  test.each([USERS.alike, USERS.mixed])(
    `${MISSED} missed ones of the largest size, texts %s, over one connection`,
    async (user) => {
      const client = await StreamClient.open(crm.url, await accessToken(user), { lastEventId: 0 });
      await client.until(() => client.ids.length === MISSED || client.ended, 60_000);
      await client.until(() => client.frames.at(-1)?.event === 'state');
      expectAll(client);
      expect(client.ended).toBe(false);
      expect(client.of('ready')).toHaveLength(1);
      client.close();
    },
    90_000,
  );

  test('a client that stalls in the middle costs no queries, and gets the rest in order when it reads again', async () => {
    const user = USERS.stalling;
    const client = await StreamClient.open(crm.url, await accessToken(user), { lastEventId: 0 });
    await client.until(() => client.ids.length >= 20);
    client.pause();
    const stalledAfter = await untilStalled(user);
    // It was in the middle of it.
    expect(client.ids.length).toBeLessThan(MISSED / 2);
    await untilStalled(user);
    expect(readsOf(user)).toBe(stalledAfter);

    client.resume();
    await client.until(() => client.ids.length === MISSED || client.ended, 60_000);
    expectAll(client);
    expect(client.of('ready')).toHaveLength(1);
    client.close();
  }, 90_000);

  test('a live client that stalls while more comes than may wait for it goes on by cursor when it reads again', async () => {
    const user = 'live';
    const message = largestNotification();
    const client = await StreamClient.open(crm.url, await accessToken(user));
    client.pause();
    const count = 400;
    for (let i = 0; i < count; i += 20) {
      await Promise.all(Array.from({ length: 20 }, () => crm.notifications.notify(user, message)));
    }
    client.resume();
    await client.until(() => client.ids.length === count || client.ended, 30_000);
    expect(client.ids).toEqual(Array.from({ length: count }, (__, i) => i + 1));
    await crm.notifications.notify(user, { type: 't', title: 'live again' });
    await client.until(() => client.ids.length === count + 1);
    client.close();
  }, 60_000);
});
