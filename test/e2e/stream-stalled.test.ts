import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { inProcessBroker } from '../../src/notifications/index.js';
import { STREAM_WRITERS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { largestNotification } from '../support/largest-notification.js';
import { spawnTs } from '../support/run-ts.js';
import { StreamClient } from '../support/stream-client.js';

const STALLED = 100;
const MISSED = 200;
const LIVE = 100;
const MB = 1024 * 1024;

interface Memory {
  rss: number;
  heapUsed: number;
  external: number;
  connections: number;
}

describe.each(STREAM_WRITERS)(`${STALLED} clients that stall, streams by %s`, (streamWriter) => {
  let database: TestDatabase;
  /** Sends. */
  let crm: CrmApp;
  /** Streams; is told nothing, and sweeps. */
  let server: ChildProcess;
  let url: string;
  const users = Array.from({ length: STALLED }, (_, i) => `user ${i}`);

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { notifications: { broker: inProcessBroker() } });
    const file = new URL('../support/stream-server.ts', import.meta.url);
    // A small young generation: RSS then tells what is held, and not how late V8 collects.
    const env = { ...process.env, NODE_OPTIONS: '--max-semi-space-size=2' };
    server = spawnTs(file, [database.url, streamWriter], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env });
    [{ url }] = (await once(server, 'message')) as [{ url: string }];
    for (let i = 0; i < MISSED; i += 20) await sendToAll(20);
  }, 120_000);

  afterAll(async () => {
    const exited = once(server, 'exit');
    server.send('close');
    await exited;
    await crm.close();
    await database.drop();
  });

  async function sendToAll(count: number): Promise<void> {
    const message = largestNotification();
    await Promise.all(Array.from({ length: count }, () => crm.notifications.notify(users, message)));
  }

  async function memory(): Promise<Memory> {
    const answer = once(server, 'message');
    server.send('memory');
    return ((await answer) as [Memory])[0];
  }

  test(`offered ${MISSED} missed and ${LIVE} live ones of the largest size each, they do not grow the process`, async () => {
    const tokens = await Promise.all(users.map((user) => accessToken(user)));
    // One full replay first: what a process once allocates for one is not what stalled clients cost.
    const warm = await StreamClient.open(url, tokens[0] as string, { lastEventId: 0 });
    await warm.until(() => warm.ids.length === MISSED, 30_000);
    warm.close();
    const before = await memory();

    const clients = await Promise.all(
      tokens.map((token) => StreamClient.open(url, token, { lastEventId: 0, paused: true })),
    );
    const healthy = await Promise.all(
      tokens.slice(0, 5).map((token) => StreamClient.open(url, token, { lastEventId: 0 })),
    );
    // Beside them others get theirs.
    await Promise.all(healthy.map((client) => client.until(() => client.ids.length === MISSED, 30_000)));
    let peak = await memory();
    for (let i = 0; i < LIVE; i += 10) {
      await sendToAll(10);
      const now = await memory();
      if (now.rss > peak.rss) peak = now;
    }
    const everything = MISSED + LIVE;
    await Promise.all(healthy.map((client) => client.until(() => client.ids.length === everything, 30_000)));
    const now = await memory();
    if (now.rss > peak.rss) peak = now;
    expect(now.connections).toBe(STALLED + healthy.length);
    const grown = Math.round((peak.rss - before.rss) / MB);
    const used = Math.round((now.heapUsed + now.external - before.heapUsed - before.external) / MB);
    // About 1.4 GB were offered. Held: 24 MB. RSS with the garbage between: about 150 MB.
    expect(used).toBeLessThan(60);
    expect(grown).toBeLessThan(200);

    const [first] = clients as [StreamClient];
    first.resume();
    await first.until(() => first.ids.length === everything, 30_000);
    expect(first.ids).toEqual(Array.from({ length: everything }, (_, i) => i + 1));
    expect(first.of('ready')).toHaveLength(1);
    for (const client of [...clients, ...healthy]) client.close();
  }, 180_000);
});
