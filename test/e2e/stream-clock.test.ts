import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

const HEARTBEAT_MS = 20_000;

describe('Deadlines of streams', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  const clients: StreamClient[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  beforeEach(() => {
    // Real time passes as ever, and the tests let more of it pass.
    jest.useFakeTimers({
      doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'performance', 'hrtime'],
      advanceTimers: true,
    });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    // First, so that what a shutdown leaves to end by itself on a busy machine has a clock.
    jest.useRealTimers();
    await crm.close();
  });

  afterAll(async () => {
    await database.drop();
  });

  async function open(user: string, claims = {}, expiresIn: string | number | Date = '60d'): Promise<StreamClient> {
    const client = await StreamClient.open(crm.url, await accessToken(user, claims, expiresIn));
    clients.push(client);
    return client;
  }

  /** Lets time pass, and what happens in it reach the clients. */
  async function pass(ms: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(ms);
    await roundTrip();
  }

  /** What was sent to anybody before has come once this has. */
  async function roundTrip(): Promise<void> {
    const open = clients.filter((client) => !client.ended);
    const before = open.map((client) => client.ids.length);
    const user = 'everybody';
    await crm.notifications.notify(user, { type: 't', title: 'x' });
    for (const [i, client] of open.entries())
      await client.until(() => client.ids.length > (before[i] ?? 0) || client.ended);
  }

  test('a ping in each heartbeat, at times that spread', async () => {
    crm = await startCrmApp(database, { notifications: { heartbeatMs: HEARTBEAT_MS } });
    for (let i = 0; i < 15; i++) await open('everybody');
    const times = clients.map(() => [] as number[]);
    for (let step = 0; step < 160; step++) {
      const before = clients.map((client) => client.of('ping').length);
      await pass(HEARTBEAT_MS / 16);
      clients.forEach((client, i) => {
        if (client.of('ping').length > (before[i] ?? 0)) times[i]?.push(step);
      });
    }
    for (const [i, client] of clients.entries()) {
      const pings = client.of('ping');
      expect(pings.length).toBeGreaterThanOrEqual(9);
      expect(pings.length).toBeLessThanOrEqual(14);
      expect(pings.every(({ id, data }) => /^\d+$/.test(id ?? '') && JSON.stringify(data) === '{}')).toBe(true);
      // Never longer than a heartbeat apart: a client's watchdog relies on it.
      const steps = times[i] as number[];
      const gaps = steps.slice(1).map((step, j) => step - (steps[j] as number));
      expect(Math.max(...gaps)).toBeLessThanOrEqual(17);
    }
    expect(new Set(times.map((steps) => steps.join())).size).toBeGreaterThan(5);
  }, 60_000);

  test('maxStreamAgeMs: close age, give or take a tenth, not all at once', async () => {
    crm = await startCrmApp(database, { notifications: { heartbeatMs: 10_000, maxStreamAgeMs: 6_000_000 } });
    for (let i = 0; i < 20; i++) await open('everybody');
    // Real time passes, too: the margin to the least age, 50 s, is one that no busy machine uses up.
    await pass(5_350_000);
    expect(clients.every((client) => !client.ended)).toBe(true);
    await pass(650_000);
    const ended = clients.filter((client) => client.ended).length;
    expect(ended).toBeGreaterThan(0);
    expect(ended).toBeLessThan(20);
    await jest.advanceTimersByTimeAsync(650_000);
    await Promise.all(clients.map((client) => client.until(() => client.ended)));
    for (const client of clients) {
      expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'age', reconnect: true } });
    }
  }, 60_000);

  test('slowClientMs: a stream of which nothing drains is cut off, one that drains in time is not', async () => {
    crm = await startCrmApp(database, { notifications: { heartbeatMs: 1_000, slowClientMs: 30_000 } });
    const stuck = await open('everybody');
    const recovering = await open('everybody');
    const healthy = await open('everybody');
    stuck.pause();
    recovering.pause();
    const message = { type: 't', title: 'x', body: '好'.repeat(10_000) };
    for (let i = 0; i < 12; i++) {
      await Promise.all(Array.from({ length: 50 }, () => crm.notifications.notify('everybody', message)));
    }
    await healthy.until(() => healthy.ids.length === 600);
    await jest.advanceTimersByTimeAsync(25_000);
    expect(crm.notifications.connections()).toBe(3);
    recovering.resume();
    await recovering.until(() => recovering.ids.length === 600);
    await jest.advanceTimersByTimeAsync(15_000);
    expect(crm.notifications.connections()).toBe(2);
    expect([stuck.ended, recovering.ended, healthy.ended]).toEqual([false, false, false]);
    stuck.resume();
    await stuck.until(() => stuck.ended);
    expect(stuck.ids.length).toBeLessThan(600);
  }, 60_000);

  test('a stream ends with the session behind it: close expired, and no point in coming back', async () => {
    crm = await startCrmApp(database);
    const client = await open('everybody', {}, new Date(Date.now() + 3_600_000));
    // Real time passes, too: a margin that no busy machine uses up.
    await pass(3_000_000);
    expect(client.of('close')).toEqual([]);
    await jest.advanceTimersByTimeAsync(601_000);
    await client.until(() => client.ended);
    expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'expired', reconnect: false } });
  });
});
