import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { answerOf } from './colleague.js';
import { DemoProcess } from './demo-process.js';
import { ReturningClient } from './returning-client.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const CLIENTS = 12;

let database: TestDatabase;
let leaving: DemoProcess;
let staying: DemoProcess;

beforeAll(async () => {
  database = await createTestDatabase();
  const env = { DATABASE_URL: database.url };
  [leaving, staying] = await Promise.all([DemoProcess.start(env), DemoProcess.start(env)]);
});

afterAll(async () => {
  await staying.end();
  await database.drop();
});

/** Announces and assigns through an instance, one after the other, until it is told to stop or nobody answers. */
async function write(demo: DemoProcess, token: string, from: string, isOver: () => boolean): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let n = 0; !isOver(); n++) {
    const title = `${from} ${n}`;
    try {
      const announced = await answerOf(demo.url, 'POST', '/announcements', { title }, token);
      if (announced.status === 200) acknowledged.push(title);
      await answerOf(demo.url, 'POST', '/deals/1/assign', { owner: `user${n % CLIENTS}` }, token);
    } catch {
      // What was not acknowledged may be there or not.
      if (demo === leaving) break;
    }
  }
  return acknowledged;
}

async function inboxOf(token: string): Promise<number[]> {
  const ids: number[] = [];
  let before = '';
  for (;;) {
    const page = (await answerOf(staying.url, 'GET', `/notifications?limit=100${before}`, undefined, token)).body;
    ids.unshift(...page.items.map((item: { id: number }) => item.id).reverse());
    if (page.nextBefore === null) return ids;
    before = `&before=${page.nextBefore}`;
  }
}

test('A deploy loses nothing: who was on the instance that ends comes back to the other, and gets what came meanwhile', async () => {
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => ReturningClient.open([leaving.url, staying.url], `user${i}`)),
  );
  const [{ token }] = clients as [ReturningClient];
  let isOver = false;
  const there = write(staying, token, 'staying', () => isOver);
  const here = write(leaving, token, 'leaving', () => false);
  await Promise.all(clients.map((client) => client.hears('leaving 5')));

  expect(await leaving.end('SIGTERM')).toEqual({ code: 0, signal: null });
  expect((await here).length).toBeGreaterThan(5);
  await Promise.all(clients.map((client) => client.until(() => client.visited.length === 2)));
  isOver = true;
  const acknowledged = [...(await here), ...(await there)];
  await answerOf(staying.url, 'POST', '/announcements', { title: 'the last' }, token);

  for (const client of clients) {
    await client.hears('the last');
    expect(client.visited).toEqual([leaving.url, staying.url]);
    expect(client.titles).toEqual(expect.arrayContaining(acknowledged));
    // Every id once, in order, and none missing; what was assigned last may come after the announcement.
    await eventually(async () => {
      client.take();
      expect(client.ids).toEqual(await inboxOf(client.token));
    });
    await client.leave();
  }

  const closes = clients.flatMap((client) => client.closes);
  expect(closes).toEqual(clients.map(() => ({ reason: 'shutdown', reconnect: true, retry: expect.any(Number) })));
  // Spread by half around the reconnection time, so that the other instance doesn't get all of them in one moment.
  const retries = closes.map((close) => Number(close.retry));
  expect(new Set(retries).size).toBeGreaterThan(CLIENTS / 2);
  for (const retry of retries) {
    expect(retry).toBeGreaterThanOrEqual(1_500);
    expect(retry).toBeLessThanOrEqual(4_500);
  }
});
