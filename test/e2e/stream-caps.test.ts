import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { STREAM_HOSTS } from '../support/adapters.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

describe.each(STREAM_HOSTS)('Stream caps on %s', (_, adapter, writer) => {
  let database: TestDatabase;
  let crm: CrmApp;
  /** Guards that are under way, waiting for the test. */
  const guards: (() => void)[] = [];
  let holdGuards = false;
  const clients: StreamClient[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, {
      adapter: adapter(),
      notifications: {
        ...writer,
        jwt: undefined,
        streamToken: { secret: 'a secret for stream tokens' },
        authenticate: async ({ headers }) => {
          if (holdGuards) await new Promise<void>((resolve) => guards.push(resolve));
          return { recipient: String(headers['x-user']) };
        },
        maxStreamsPerRecipient: 10,
        maxStreams: 25,
      },
    });
  });

  afterEach(async () => {
    holdGuards = false;
    for (const client of clients.splice(0)) client.close();
    await untilFree();
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  function open(user: string): StreamClient {
    const client = new StreamClient(`${crm.url}/notifications/stream`, { headers: { 'x-user': user } });
    clients.push(client);
    return client;
  }

  async function statusesOf(users: string[]): Promise<number[]> {
    const opened = users.map(open);
    await Promise.all(opened.map((client) => client.until(() => client.status !== undefined)));
    await Promise.all(opened.map((client) => client.until(() => client.status === 200 || client.ended)));
    return opened.map((client) => client.status as number).sort();
  }

  /** Every place can be taken again, and given back. */
  async function untilFree(): Promise<void> {
    await eventually(async () => {
      expect(crm.notifications.connections()).toBe(0);
      const probes = await statusesOf(Array.from({ length: 25 }, (__, i) => `probe ${i % 3}`));
      for (const client of clients.splice(0)) client.close();
      expect(new Set(probes)).toEqual(new Set([200]));
    });
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
  }

  test('50 at once for one recipient: exactly maxStreamsPerRecipient open, the others get 429 and why', async () => {
    const statuses = await statusesOf(Array(50).fill('ann'));
    expect(statuses).toEqual([...Array(10).fill(200), ...Array(40).fill(429)]);
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(10));
    const refused = clients.find((client) => client.status === 429);
    expect(JSON.parse(refused?.body ?? '')).toMatchObject({ statusCode: 429, error: 'Too Many Requests' });
    expect(await statusesOf(['bob'])).toEqual([200]);
  });

  test('50 at once of many recipients: exactly maxStreams open, the others get 503 and when to try again', async () => {
    const statuses = await statusesOf(Array.from({ length: 50 }, (__, i) => `user ${i}`));
    expect(statuses).toEqual([...Array(25).fill(200), ...Array(25).fill(503)]);
    expect(crm.notifications.connections()).toBe(25);
    expect(clients.find((client) => client.status === 503)?.headers['retry-after']).toBe('5');
  });

  test('a place is given back when a client leaves, or the server ends its stream', async () => {
    expect(await statusesOf(Array(10).fill('ann'))).toEqual(Array(10).fill(200));
    clients[3]?.close();
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(9));
    expect(await statusesOf(['ann', 'ann'])).toEqual([200, 429]);
    await crm.notifications.disconnect('ann');
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(0));
    expect(await statusesOf(Array(11).fill('ann'))).toEqual([...Array(10).fill(200), 429]);
  });

  test('a client that leaves while its guard is still working takes no place', async () => {
    holdGuards = true;
    for (let i = 0; i < 30; i++) open('ann');
    await eventually(() => expect(guards).toHaveLength(30));
    const sockets = clients.splice(0);
    for (const client of sockets) client.close();
    await Promise.all(sockets.map((client) => client.until(() => client.ended)));
    // The server has seen that they left once it has answered somebody who came later.
    holdGuards = false;
    await statusesOf(['bob']);
    for (const proceed of guards.splice(0)) proceed();
    await eventually(async () => expect(await statusesOf(Array(10).fill('ann'))).toEqual(Array(10).fill(200)));
  });

  test('HEAD takes no place, and a client that resets its connection gives its back', async () => {
    for (let i = 0; i < 30; i++) {
      const response = await fetch(`${crm.url}/notifications/stream`, { method: 'HEAD', headers: { 'x-user': 'ann' } });
      expect(response.status).toBe(200);
    }
    expect(await statusesOf(Array(10).fill('ann'))).toEqual(Array(10).fill(200));
    for (const client of clients.splice(0)) client.close();
    await untilFree();

    const { hostname, port } = new URL(crm.url);
    for (let i = 0; i < 10; i++) {
      const socket = connect(Number(port), hostname);
      socket.write('GET /notifications/stream HTTP/1.1\r\nHost: x\r\nX-User: ann\r\n\r\n');
      await new Promise((resolve) => socket.once('data', resolve));
      socket.resetAndDestroy();
    }
    await untilFree();
  });
});
