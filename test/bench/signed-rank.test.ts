import { expect, test } from '@jest/globals';
import { signedRankEstimate } from '../../bench/compare/signed-rank.js';

test('the estimate and the interval are those of the textbook', () => {
  // Hollander and Wolfe, example 3.1: the depression scale of nine patients at two visits.
  const first = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
  const second = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
  const { centre, interval } = signedRankEstimate(second.map((value, i) => value - (first[i] as number)));
  expect(centre).toBeCloseTo(-0.46, 6);
  expect(interval?.map((bound) => Number(bound.toFixed(3)))).toEqual([-0.786, -0.01]);
});

test.each([
  // How many means of pairs lie outside of the interval on each side: the critical values of the tables.
  [6, 0],
  [7, 2],
  [10, 8],
  [15, 25],
  [20, 52],
])('of %d values, %d means lie below the interval, and as many above', (count, critical) => {
  // No two means are alike.
  const values = Array.from({ length: count }, (_, i) => 3 ** i);
  const means = values.flatMap((a, i) => values.slice(i).map((b) => (a + b) / 2));
  const [low, high] = signedRankEstimate(values).interval as [number, number];
  expect(means.filter((mean) => mean < low)).toHaveLength(critical);
  expect(means.filter((mean) => mean > high)).toHaveLength(critical);
});

test('five values tell nothing at 95 %', () => {
  expect(signedRankEstimate([1, 2, 3, 4, 5])).toEqual({ centre: 3, interval: null });
});

test('one disturbed round of fifteen moves the estimate little', () => {
  const quiet = Array.from({ length: 15 }, (_, i) => (i - 7) / 100);
  const disturbed = [...quiet.slice(0, 14), 1_000];
  expect(Math.abs(signedRankEstimate(disturbed).centre)).toBeLessThan(0.02);
});
