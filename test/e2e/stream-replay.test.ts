import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { STREAM_WRITERS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

const ROUNDS = 25;
const CLIENTS = 8;

describe.each(STREAM_WRITERS)('Replay while writers write, streams by %s', (streamWriter) => {
  let database: TestDatabase;
  let crm: CrmApp;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { notifications: { streamWriter, maxReplay: 1_000_000 } });
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  /** Sends, one by one or in transactions, until it is told to stop. */
  async function write(user: string, isOver: () => boolean): Promise<void> {
    for (let i = 0; !isOver(); i++) {
      if (i % 3 > 0) {
        await crm.notifications.notify(user, { type: 't', title: 'direct' });
      } else {
        await crm.dataSource.transaction(async (manager) => {
          await crm.notifications.notify(user, { type: 't', title: 'one' }, { manager });
          await crm.notifications.notify(user, { type: 't', title: 'two' }, { manager });
        });
      }
    }
  }

  test(`${ROUNDS} × ${CLIENTS} clients come with a cursor in the middle of it: no gap, no repeat`, async () => {
    const user = 'popular';
    const token = await accessToken(user);
    let over = false;
    await crm.notifications.notify(user, { type: 't', title: 'first' });
    const writers = [1, 2, 3].map(() => write(user, () => over));
    const seen: { cursor: number; client: StreamClient }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { lastId } = await crm.notifications.unreadCount(user);
      const wave = Array.from({ length: CLIENTS }, async (_, i) => {
        // From a little to several pages behind: the replay ends at every point of the writers' work.
        const cursor = Math.max(0, lastId - i * 20);
        const client = await StreamClient.open(crm.url, token, { lastEventId: cursor });
        seen.push({ cursor, client });
        await client.until(() => (client.ids.at(-1) ?? 0) > lastId + 3);
        return client;
      });
      // Half of them stay for the next round, live, so that others' replays and their live reads mix.
      for (const client of (await Promise.all(wave)).slice(CLIENTS / 2 + (round % 2))) client.close();
      for (const { client } of seen.slice(0, -2 * CLIENTS)) client.close();
    }
    over = true;
    await Promise.all(writers);

    expect(seen).toHaveLength(ROUNDS * CLIENTS);
    for (const { cursor, client } of seen) {
      client.close();
      const { ids } = client;
      expect(ids.length).toBeGreaterThan(0);
      expect(ids).toEqual(ids.map((__, i) => cursor + 1 + i));
      // The numbers never go back, and each run of notifications ends with a state.
      const versions = client.of('state').map(({ data }) => data.lastId + data.revision);
      expect(versions).toEqual([...versions].sort((a, b) => a - b));
      const afterMessage = client.frames.filter((__, i) => client.frames[i - 1]?.event === 'message');
      expect([...new Set(afterMessage.map((frame) => frame.event))].sort()).toEqual(['message', 'state']);
    }
  });

  test('a client that is cut off again and again, and comes back with its last event ID, gets each exactly once', async () => {
    const user = 'restless';
    const token = await accessToken(user);
    let over = false;
    const writers = [1, 2].map(() => write(user, () => over));
    const ids: number[] = [];
    let lastEventId: string | undefined = '0';
    for (let round = 0; round < 60; round++) {
      const client: StreamClient = await StreamClient.open(crm.url, token, { lastEventId });
      const upTo = (ids.at(-1) ?? 0) + 1 + (round % 5);
      await client.until(() => (client.ids.at(-1) ?? 0) >= upTo);
      client.close();
      ids.push(...client.ids);
      lastEventId = client.lastEventId;
    }
    over = true;
    await Promise.all(writers);
    expect(ids).toEqual(ids.map((_, i) => i + 1));
  });
});
