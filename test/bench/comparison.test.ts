import { expect, test } from '@jest/globals';
import { besideBefore, compare, isRate } from '../../bench/compare/comparison.js';
import { comparisonTable, verdictOf } from '../../bench/compare/comparison-table.js';
import { runRounds } from '../../bench/support/rounds.js';
import type { Sample, Scenario, Setup } from '../../bench/support/scenario.js';

const BEFORE = 'file:///before/index.ts';
const AFTER = 'file:///after/index.ts';

function scenario(measure: (subject: string, setup: Setup) => Sample): Scenario {
  return {
    name: 'scenario',
    title: 'Scenario',
    subjects: ['a peer', 'ours', 'ours, too'],
    ours: ['ours', 'ours, too'],
    baseline: 'a peer',
    warmsUp: true,
    charts: [{ metric: 'ms', title: 'Milliseconds' }],
    measure: async (subject, setup) => measure(subject, setup),
  };
}

/** Rounds of `before` and `after` as a scenario gives them. */
async function columnsOf(metric: string, rounds: { before: number; after: number }[]) {
  const left: Record<string, number[]> = {
    [BEFORE]: rounds.map(({ before }) => before),
    [AFTER]: rounds.map(({ after }) => after),
  };
  const measured = scenario((_, { library }) => ({ [metric]: left[library]?.shift() as number }));
  const both = besideBefore(measured, ['ours'], BEFORE);
  const run = { rounds: rounds.length, setup: { library: AFTER }, log: () => {} };
  return compare(await runRounds(both, run), ['ours']);
}

/** As many rounds, each with some noise that both share, and some of each one's own. */
function noisy(rounds: number, times: number) {
  return Array.from({ length: rounds }, (_, i) => {
    const before = 100 * (1 + (i % 5));
    return { before, after: before * times * (1 + ((i % 3) - 1) / 100) };
  });
}

test('before and after take turns side by side, back and forth, each with its own library', async () => {
  const turns: string[] = [];
  const measured = scenario((subject, { library, connections }) => {
    turns.push(`${subject} ${library === BEFORE ? 'before' : 'after'} ${connections}`);
    return { ms: 1 };
  });
  const setup = { library: AFTER, connections: [7] };
  await runRounds(besideBefore(measured, ['ours', 'ours, too'], BEFORE), { rounds: 2, setup, log: () => {} });
  const round = ['ours after 7', 'ours before 7', 'ours, too after 7', 'ours, too before 7'];
  expect(turns).toEqual([...round, ...round.toReversed()]);
});

test('the scenario keeps the state that it has prepared', async () => {
  class Counting {
    readonly name = 'counting';
    readonly title = 'Counting';
    readonly subjects = ['ours'];
    readonly baseline = 'ours';
    readonly warmsUp = true;
    readonly charts = [];
    private turns?: { count: number };
    async prepare() {
      this.turns = { count: 0 };
      return async () => {};
    }
    async measure() {
      const turns = this.turns as { count: number };
      turns.count += 1;
      return { turns: turns.count };
    }
  }
  const both = besideBefore(new Counting(), ['ours'], BEFORE);
  const [column] = compare(await runRounds(both, { rounds: 1, log: () => {} }), ['ours']);
  expect(column).toMatchObject({ after: 1, before: 2 });
});

test('the same cost is not slower', async () => {
  const [column] = await columnsOf('CPU µs', noisy(15, 1));
  expect(column).toMatchObject({ subject: 'ours', metric: 'CPU µs', before: 300, verdict: 'not slower' });
  expect(column?.ratio).toBeCloseTo(1, 3);
  const [low, high] = column?.interval ?? [];
  expect(low).toBeLessThan(1);
  expect(high).toBeGreaterThan(1);
});

test.each([
  [1.04, 'not slower'],
  [1.05, 'unclear'],
  [1.07, 'slower'],
])('%d × the cost in fifteen rounds is %s', async (times, verdict) => {
  const [column] = await columnsOf('CPU µs', noisy(15, times));
  expect(column?.ratio).toBeCloseTo(times, 3);
  expect(column?.verdict).toBe(verdict);
});

test('a rate that falls is a cost that rises', async () => {
  const [column] = await columnsOf('notifications/s', noisy(15, 1 / 1.5));
  expect(column?.ratio).toBeCloseTo(1.5, 1);
  expect(column?.verdict).toBe('slower');
  const [risen] = await columnsOf('notifications/s', noisy(15, 1.5));
  expect(risen?.verdict).toBe('not slower');
});

test('five rounds leave it unclear, however great the difference', async () => {
  const [column] = await columnsOf('CPU µs', noisy(5, 10));
  expect(column).toMatchObject({ interval: null, verdict: 'unclear' });
});

test('what cost nothing and costs something now is slower; nothing against nothing is the same', async () => {
  const rounds = (before: number, after: number) => Array.from({ length: 6 }, () => ({ before, after }));
  expect((await columnsOf('queries', rounds(0, 3)))[0]?.verdict).toBe('slower');
  expect((await columnsOf('queries', rounds(3, 0)))[0]?.verdict).toBe('not slower');
  expect((await columnsOf('queries', rounds(0, 0)))[0]).toMatchObject({ ratio: 1, verdict: 'not slower' });
  const [mixed] = await columnsOf('queries', [...rounds(0, 3), ...rounds(3, 0)]);
  expect(mixed?.ratio).toBeCloseTo(1, 6);
  expect(mixed?.verdict).toBe('unclear');
});

test('a round without a ratio does not count', async () => {
  const disturbed = [...noisy(15, 1.5), { before: -7, after: 10 }, { before: 10, after: Number.NaN }];
  const [column] = await columnsOf('KB a connection', disturbed);
  expect(column?.ratio).toBeCloseTo(1.5, 1);
  expect(column?.verdict).toBe('slower');
});

test.each([
  ['connects a second', true],
  ['connects a second at 1000', true],
  ['deliveries/s', true],
  ['first page/s', true],
  ['CPU µs a connect at 1000', false],
  ['s until they have it all', false],
  ['ms until all are live', false],
  ['% of a core', false],
])('more %s is better: %s', (metric, expected) => {
  expect(isRate(metric)).toBe(expected);
});

test('the table has a line for each column, and the verdict names those that are slower', () => {
  const columns = [
    { subject: 'ours', metric: 'ms', before: 10, after: 12, ratio: 1.2, interval: [1.1, 1.3], verdict: 'slower' },
    { subject: 'ours', metric: 'KB', before: 1, after: 1, ratio: 1, interval: [0.9, 1.04], verdict: 'not slower' },
    { subject: 'ours, too', metric: 'ms', before: 3, after: 3, ratio: 1, interval: null, verdict: 'unclear' },
  ] as const;
  expect(comparisonTable(columns)).toBe(
    [
      'ours',
      '       before   after      cost          95 %',
      '  ms       10      12   1.200 ×   1.100–1.300   slower',
      '  KB        1       1   1.000 ×   0.900–1.040   not slower',
      '',
      'ours, too',
      '       before   after      cost          95 %',
      '  ms        3       3   1.000 ×             –   unclear',
    ].join('\n'),
  );
  expect(verdictOf(columns).split('\n')).toEqual([
    '3 columns: 1 slower (the whole interval above 1.05), 1 not slower (the whole interval at most 1.05), 1 unclear',
    'slower: ours: ms',
  ]);
});
