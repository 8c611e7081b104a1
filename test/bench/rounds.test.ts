import { expect, test } from '@jest/globals';
import { median, percentile, runRounds, summarise } from '../../bench/support/rounds.js';
import type { Sample } from '../../bench/support/scenario.js';

test.each([
  [[3, 1, 2], 2],
  [[4, 1, 3, 2], 2.5],
  // By number, not by text.
  [[10, 9, 100], 10],
  [[7], 7],
])('the median of %j is %d', (values, expected) => {
  const given = [...values];
  expect(median(values)).toBe(expected);
  expect(values).toEqual(given);
});

test('a percentile is the value that so many percent are below', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(percentile(hundred, 50)).toBe(51);
  expect(percentile(hundred, 99)).toBe(100);
  expect(percentile(hundred, 100)).toBe(100);
  expect(percentile([5], 99)).toBe(5);
  expect(percentile([], 50)).toBeNaN();
});

test('a ratio compares with the baseline of the same round', () => {
  const samples = new Map<string, Sample[]>([
    ['raw', [{ ms: 1 }, { ms: 10 }, { ms: 100 }]],
    ['ours', [{ ms: 2 }, { ms: 30 }, { ms: 400 }]],
  ]);
  // The medians' own ratio would be 3, too, were the rounds not given in another order.
  const { raw, ours } = summarise(samples, 'raw');
  expect(raw?.ms).toEqual({ median: 10, min: 1, max: 100, ratio: 1, values: [1, 10, 100] });
  expect(ours?.ms).toEqual({ median: 30, min: 2, max: 400, ratio: 3, values: [2, 30, 400] });

  samples.set('ours', [{ ms: 400 }, { ms: 2 }, { ms: 30 }]);
  expect(summarise(samples, 'raw').ours?.ms?.ratio).toBe(0.3);
});

test('there is no ratio to what the baseline does not have', () => {
  const samples = new Map<string, Sample[]>([
    ['raw', [{ lost: 0 }]],
    ['ours', [{ lost: 3, queries: 5 }]],
  ]);
  expect(summarise(samples, 'raw').ours).toMatchObject({ lost: { ratio: null }, queries: { ratio: null, median: 5 } });
});

test('the subjects take turns, back and forth, and the first turn of each does not count', async () => {
  const turns: string[] = [];
  let ended = false;
  const summaries = await runRounds(
    {
      name: 'turns',
      title: 'Turns',
      subjects: ['a', 'b'],
      baseline: 'a',
      charts: [{ metric: 'turn', title: 'Turn' }],
      prepare: async () => async () => {
        ended = true;
      },
      measure: async (subject) => ({ turn: turns.push(subject) }),
    },
    { rounds: 2, log: () => {} },
  );
  expect(turns.join('')).toBe('ababba');
  expect(summaries.a?.turn?.values).toEqual([3, 6]);
  expect(summaries.b?.turn?.values).toEqual([4, 5]);
  expect(ended).toBe(true);
});

test('turns that warm up by themselves all count', async () => {
  let turns = 0;
  const scenario = {
    name: 'warms-up',
    title: 'Warms up',
    subjects: ['a'],
    baseline: 'a',
    warmsUp: true,
    charts: [{ metric: 'turn', title: 'Turn' }],
    measure: async () => ({ turn: ++turns }),
  };
  expect((await runRounds(scenario, { rounds: 2, log: () => {} })).a?.turn?.values).toEqual([1, 2]);
});

test('what was prepared is ended although a turn failed, and the run fails', async () => {
  let ended = false;
  const scenario = {
    name: 'fails',
    title: 'Fails',
    subjects: ['a'],
    baseline: 'a',
    charts: [{ metric: 'turn', title: 'Turn' }],
    prepare: async () => async () => {
      ended = true;
    },
    measure: async () => {
      throw new Error('An event was lost');
    },
  };
  await expect(runRounds(scenario, { rounds: 1, log: () => {} })).rejects.toThrow('An event was lost');
  expect(ended).toBe(true);
});
