import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Batched } from '../../src/notifications/inbox/batched.js';

const MOST = 5;
const GATHER_MS = 10;

interface Asked {
  questions: string[];
  answer(): void;
  fail(error: Error): void;
}

/** What has been asked, in batches, each of which waits for the test to answer it. */
let asked: Asked[];
let batched: Batched<string, string>;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  asked = [];
  batched = new Batched(MOST, GATHER_MS, (questions) => {
    return new Promise((resolve, fail) => {
      asked.push({ questions, answer: () => resolve(questions.map((question) => `${question}!`)), fail });
    });
  });
});

afterEach(() => {
  jest.useRealTimers();
});

/** Whatever needs no time has happened. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

function questions(): string[] {
  return asked.map((batch) => batch.questions.join(''));
}

test('one that asks alone is answered without a timer, again and again', async () => {
  for (const question of ['a', 'b', 'c']) {
    const answer = batched.ask(question);
    await settle();
    asked.at(-1)?.answer();
    expect(await answer).toBe(`${question}!`);
  }
  expect(questions()).toEqual(['a', 'b', 'c']);
  expect(jest.getTimerCount()).toBe(0);
});

test('what is asked in one turn goes together, and each gets its own answer', async () => {
  const answers = Promise.all(['a', 'b', 'c'].map((question) => batched.ask(question)));
  await settle();
  asked[0]?.answer();
  expect(await answers).toEqual(['a!', 'b!', 'c!']);
  expect(questions()).toEqual(['abc']);
});

test('what is asked while an answer is under way is gathered until gatherMs after that was asked', async () => {
  const answers = [batched.ask('a')];
  await settle();
  answers.push(batched.ask('b'));
  jest.advanceTimersByTime(4);
  asked[0]?.answer();
  await settle();
  answers.push(batched.ask('c'));
  jest.advanceTimersByTime(GATHER_MS - 4 - 1);
  await settle();
  expect(questions()).toEqual(['a']);
  jest.advanceTimersByTime(1);
  await settle();
  expect(questions()).toEqual(['a', 'bc']);
  asked[1]?.answer();
  expect(await Promise.all(answers)).toEqual(['a!', 'b!', 'c!']);
});

test('an answer that took longer than gatherMs, and a batch that is full, are waited for no more', async () => {
  const answers = [batched.ask('a')];
  await settle();
  answers.push(...['b', 'c', 'd', 'e', 'f', 'g'].map((question) => batched.ask(question)));
  asked[0]?.answer();
  await settle();
  // Full: at once.
  expect(questions()).toEqual(['a', 'bcdef']);
  jest.advanceTimersByTime(2 * GATHER_MS);
  asked[1]?.answer();
  await settle();
  jest.advanceTimersByTime(0);
  await settle();
  expect(questions()).toEqual(['a', 'bcdef', 'g']);
  asked[2]?.answer();
  expect(await Promise.all(answers)).toEqual(['a!', 'b!', 'c!', 'd!', 'e!', 'f!', 'g!']);
});

test('an error is for those of its batch alone, and the next ones are asked', async () => {
  const first = Promise.allSettled(['a', 'b'].map((question) => batched.ask(question)));
  await settle();
  const second = batched.ask('c');
  const error = new Error('no');
  asked[0]?.fail(error);
  expect(await first).toEqual([
    { status: 'rejected', reason: error },
    { status: 'rejected', reason: error },
  ]);
  jest.advanceTimersByTime(GATHER_MS);
  await settle();
  asked[1]?.answer();
  expect(await second).toBe('c!');
  expect(questions()).toEqual(['ab', 'c']);
});

test('ten thousand at once are answered in as few batches as there must be, one at a time', async () => {
  let underWay = 0;
  const sizes: number[] = [];
  const many = new Batched<number, number>(500, GATHER_MS, async (numbers) => {
    underWay += 1;
    sizes.push(numbers.length);
    await settle();
    expect(underWay).toBe(1);
    underWay -= 1;
    return numbers.map((number) => 2 * number);
  });
  const numbers = Array.from({ length: 10_000 }, (_, i) => i);
  expect(await Promise.all(numbers.map((number) => many.ask(number)))).toEqual(numbers.map((number) => 2 * number));
  expect(sizes).toEqual(Array(20).fill(500));
});
