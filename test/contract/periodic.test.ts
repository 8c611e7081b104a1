import { expect, test } from '@jest/globals';
import { Periodic } from '../../src/notifications/periodic.js';
import { MAX_TIMER_MS } from '../../src/notifications/timer-limit.js';
import { eventually } from '../support/eventually.js';

const MONTH_MS = 30 * 86_400_000;

/** What timers were asked to wait for while `work` ran. */
async function delaysOf(work: () => Promise<void>): Promise<number[]> {
  const { setTimeout } = globalThis;
  const delays: number[] = [];
  globalThis.setTimeout = Object.assign((...args: Parameters<typeof setTimeout>) => {
    delays.push(args[1] ?? 0);
    return setTimeout(...args);
  }, setTimeout);
  try {
    await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return delays;
}

test.each([
  ['a pause', MONTH_MS, undefined],
  ['a pause that the task asks for', 60_000, MONTH_MS],
  ['no end of a pause', 60_000, Number.POSITIVE_INFINITY],
])('%s of more than a timer can wait for is no reason to run without any', async (_, intervalMs, asked) => {
  let runs = 0;
  const task = async () => {
    runs += 1;
    return asked;
  };
  const periodic = new Periodic(intervalMs, task, () => {});
  const delays = await delaysOf(async () => {
    periodic.start();
    periodic.wake();
    await eventually(() => expect(runs).toBe(1));
    await new Promise((resolve) => setImmediate(resolve));
  });
  await periodic.close();
  expect(runs).toBe(1);
  expect(delays).toContain(MAX_TIMER_MS);
  expect(Math.max(...delays)).toBe(MAX_TIMER_MS);
});

test('a task that asks for no number of milliseconds gets its interval', async () => {
  let runs = 0;
  const periodic = new Periodic(
    60_000,
    async () => ++runs && Number.NaN,
    () => {},
  );
  const delays = await delaysOf(async () => {
    periodic.wake();
    await eventually(() => expect(runs).toBe(1));
    await new Promise((resolve) => setImmediate(resolve));
  });
  await periodic.close();
  expect(Math.max(...delays)).toBeGreaterThan(59_000);
});
