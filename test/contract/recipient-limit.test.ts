import { expect, test } from '@jest/globals';
import { RecipientLimit } from '../../src/notifications/inbox/recipient-limit.js';
import { pass, useFakeTimers } from '../client/support/fake-timers.js';

useFakeTimers();

const ALICE = { tenant: '', recipient: 'alice' };
const BOB = { tenant: '', recipient: 'bob' };
const ELSEWHERE = { tenant: 'west', recipient: 'alice' };

/** Questions that last until they are told to end. */
function questions() {
  const limit = new RecipientLimit();
  const began: number[] = [];
  const ends: (() => void)[] = [];
  const ask = (key = ALICE) => {
    const n = ends.length;
    ends.push(() => {});
    return limit.run(key, () => {
      began.push(n);
      return new Promise<number>((resolve) => {
        ends[n] = () => resolve(n);
      });
    });
  };
  const end = async (n: number) => {
    ends[n]?.();
    await pass(0);
  };
  return { limit, began, ask, end };
}

test('four at a time, the next in their order; other recipients and tenants have their own four', async () => {
  const { began, ask, end } = questions();
  const first = Array.from({ length: 6 }, () => ask());
  await pass(0);
  expect(began).toEqual([0, 1, 2, 3]);
  const others = [ask(BOB), ask(ELSEWHERE)];
  await pass(0);
  expect(began).toEqual([0, 1, 2, 3, 6, 7]);
  await end(2);
  expect(began.at(-1)).toBe(4);
  // One that comes now goes behind the one that waits.
  const late = ask();
  await end(0);
  expect(began.at(-1)).toBe(5);
  for (const n of [1, 3, 4, 5, 6, 7, 8]) await end(n);
  expect(await Promise.all([...first, ...others, late])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('one that has waited for two seconds is refused, and takes nobody a place', async () => {
  const { began, ask, end } = questions();
  const four = Array.from({ length: 4 }, () => ask());
  const waiting = ask();
  const refused = expect(waiting).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  await pass(1_999);
  const patient = ask();
  await pass(1);
  await refused;
  expect(began).toEqual([0, 1, 2, 3]);
  await end(0);
  expect(began).toEqual([0, 1, 2, 3, 5]);
  for (const n of [1, 2, 3, 5]) await end(n);
  await Promise.all([...four, patient]);
});

test('more than a hundred of one recipient, or ten thousand of all, do not wait at all', async () => {
  const { limit, ask, end } = questions();
  const outcomes = Array.from({ length: 105 }, () => ask().catch(({ code }) => code));
  await pass(0);
  expect(await outcomes[104]).toBe('TOO_MANY_REQUESTS');
  const never = () => new Promise<never>(() => {});
  let refused = 0;
  for (let i = 0; i < 200; i++) {
    const key = { tenant: '', recipient: `recipient ${i}` };
    for (let n = 0; n < 104; n++) limit.run(key, never).catch(() => refused++);
  }
  await pass(0);
  // 100 of Alice wait already.
  expect(refused).toBe(200 * 100 - 9_900);
  for (let n = 0; n < 104; n++) await end(n);
  expect(await Promise.all(outcomes.slice(0, 104))).toEqual(Array.from({ length: 104 }, (_, n) => n));
});

test('a question that fails gives its place back, and nothing is kept of a recipient who asks nothing', async () => {
  const { limit } = questions();
  for (let i = 0; i < 10; i++) {
    const failing = limit.run(ALICE, () => Promise.reject(new Error('of the database')));
    await expect(failing).rejects.toThrow('of the database');
  }
  expect(await limit.run(ALICE, async () => 'answer')).toBe('answer');
  expect(Reflect.get(limit, 'askers').size).toBe(0);
});
