import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { STREAM_HOSTS } from '../support/adapters.js';
import { accessToken, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';

describe.each(STREAM_HOSTS)('Kept-alive connections on %s', (_, adapter, writer) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(async () => {
    await database.drop();
  });

  test('an agent that keeps connections gets its next answer, on the one of a stream that has ended or on another', async () => {
    const crm = await startCrmApp(database, { adapter: adapter(), notifications: writer });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const headers = { authorization: `Bearer ${await accessToken('ann')}` };
    const ask = (path: string) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        get(`${crm.url}/notifications${path}`, { agent, headers }, resolve).on('error', reject);
      });
    try {
      // Each time, because the agent learns of a connection's end sooner or later than it uses it.
      for (let round = 0; round < 5; round += 1) {
        const stream = await ask('/stream');
        const ended = once(stream.resume(), 'end');
        await crm.notifications.disconnect('ann');
        await ended;
        const answer = await ask('/unread-count');
        expect(answer.statusCode).toBe(200);
        await once(answer.resume(), 'end');
      }
    } finally {
      agent.destroy();
      await crm.close();
    }
  });

  test('a shutdown: clients that come back at once, over the connection that they have, do not keep it from closing', async () => {
    const crm = await startCrmApp(database, { adapter: adapter(), notifications: writer });
    const agent = new Agent({ keepAlive: true, maxSockets: 5 });
    const headers = { authorization: `Bearer ${await accessToken('ann')}` };
    let over = false;
    let opened = 0;

    /** As a browser does, only without a pause: it has no reason to make a new connection. */
    async function comeBack(): Promise<void> {
      // Bounded, so that a server that does not close fails the test instead of keeping it going.
      while (!over && opened < 2_000) {
        const response = await new Promise<IncomingMessage | null>((resolve) => {
          get(`${crm.url}/notifications/stream`, { agent, headers }, resolve).on('error', () => resolve(null));
        });
        if (!response) return;
        opened += 1;
        await new Promise((resolve) => response.resume().on('close', resolve).on('error', resolve));
      }
    }

    const clients = Array.from({ length: 5 }, comeBack);
    while (crm.notifications.connections('ann') < 5) await new Promise((resolve) => setImmediate(resolve));
    const began = performance.now();
    try {
      await crm.close();
      expect(performance.now() - began).toBeLessThan(3_000);
    } finally {
      over = true;
      agent.destroy();
    }
    await Promise.all(clients);
    expect(opened).toBeGreaterThanOrEqual(5);
  });
});
