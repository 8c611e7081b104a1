import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Hub } from '../../src/notifications/stream/hub.js';
import { STREAM_HOSTS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

const STREAMS = 300;

describe.each(STREAM_HOSTS)('Shutdown on %s', (_, adapter, writer) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(async () => {
    await database.drop();
  });

  async function start(): Promise<CrmApp> {
    const notifications = { ...writer, maxStreamsPerRecipient: 1_000 };
    return await startCrmApp(database, { adapter: adapter(), notifications });
  }

  test(`${STREAMS} streams, some of which stall: all healthy ones are told, and it is over in 3 s`, async () => {
    const crm = await start();
    const tokens = await Promise.all(Array.from({ length: 30 }, (__, i) => accessToken(`user ${i}`)));
    const clients = await Promise.all(
      Array.from({ length: STREAMS }, (__, i) => StreamClient.open(crm.url, tokens[i % 30] as string)),
    );
    const users = Array.from({ length: 30 }, (__, i) => `user ${i}`);
    const stalling = clients.splice(0, 3);
    for (const client of stalling) client.pause();
    const body = '好'.repeat(10_000);
    await Promise.all(
      Array.from({ length: 100 }, () => crm.notifications.notify(users.slice(0, 3), { type: 't', title: 'x', body })),
    );
    // In the middle of what goes out to everybody.
    await crm.notifications.notify(users, { type: 't', title: 'last', body });

    const began = performance.now();
    await crm.close();
    const tookMs = performance.now() - began;
    expect(tookMs).toBeLessThan(3_000);

    await Promise.all(clients.map((client) => client.until(() => client.ended)));
    for (const client of clients) {
      expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown', reconnect: true } });
      expect(client.frames.filter(({ event }) => event === 'error')).toEqual([]);
    }
    const retries = clients.map((client) => client.retry as number);
    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1_500);
    expect(Math.max(...retries)).toBeLessThanOrEqual(4_500);
    expect(new Set(retries).size).toBeGreaterThan(100);
    for (const client of stalling) client.close();
  });

  test('a client that does not read, but of whom nothing tells that yet, does not hold it up either', async () => {
    const crm = await start();
    const client = await StreamClient.open(crm.url, await accessToken('quiet'));
    client.pause();
    // Until the kernel takes no more: the last one waits in this process, below any mark.
    const message = { type: 't', title: 'x', body: 'x'.repeat(10_000) };
    for (let i = 0; i < 800; i += 20) {
      await Promise.all(Array.from({ length: 20 }, () => crm.notifications.notify('quiet', message)));
    }
    const began = performance.now();
    await crm.close();
    expect(performance.now() - began).toBeLessThan(3_000);
    client.close();
  });

  test('streams that arrive meanwhile get 200, close, and their end; their cursor stays theirs', async () => {
    const crm = await start();
    const token = await accessToken('late');
    await crm.notifications.notify('late', { type: 't', title: 'x' });
    await crm.app.get(Hub).shutdown();
    for (const [lastEventId, id] of [
      ['1', '1'],
      [undefined, ''],
    ] as const) {
      const client = await StreamClient.open(crm.url, token, { lastEventId });
      await client.until(() => client.ended);
      expect(client.status).toBe(200);
      expect(client.frames).toEqual([{ event: 'close', id, data: { reason: 'shutdown', reconnect: true } }]);
    }
    expect(crm.notifications.connections()).toBe(0);
    await crm.close();
  });
});
