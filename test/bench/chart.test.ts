import { expect, test } from '@jest/globals';
import { drawChart } from '../../bench/report/chart.js';
import { CHART, results, summary } from './support/results.js';

function chartOf(...medians: number[]): string {
  const subjects = medians.map((median, i) => [`s${i}`, { 'RSS KB': summary(median) }]);
  return drawChart(results({ summaries: Object.fromEntries(subjects) }), CHART);
}

function bars(svg: string): number[] {
  return [...svg.matchAll(/<rect class="(?:bar|ours)"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
}

test('bars are as long as their medians', () => {
  const [first, second, third] = bars(chartOf(100, 25, 50)) as [number, number, number];
  expect(second / first).toBeCloseTo(0.25, 2);
  expect(third / first).toBeCloseTo(0.5, 2);
});

test('the whisker goes from the least to the most, and the longest of all fits', () => {
  const svg = drawChart(results({ summaries: { raw: { 'RSS KB': summary(10, 1, 5) } } }), CHART);
  const [, from, to] = /class="whisker" d="M([\d.]+) .*?H([\d.]+)/.exec(svg) as unknown as [string, string, string];
  const [, left] = /class="bar" x="([\d.]+)"/.exec(svg) as unknown as [string, string];
  const length = bars(svg)[0] as number;
  expect((Number(from) - Number(left)) / length).toBeCloseTo(0.5, 2);
  expect((Number(to) - Number(left)) / length).toBeCloseTo(1.5, 2);
  const [, width] = /viewBox="0 0 ([\d.]+) /.exec(svg) as unknown as [string, string];
  expect(Number(to)).toBeLessThan(Number(width));
});

test('figures and ratios stand beside the bars, and in the description', () => {
  const svg = drawChart(results(), CHART);
  expect(svg).toContain('>20 (2.00 ×)</text>');
  expect(svg).toMatch(/<desc id="description">[^<]*raw: 10 \(1\.00 ×\); ours: 20 \(2\.00 ×\)<\/desc>/);
  expect(svg).toContain('<title id="title">Memory a connection, KB</title>');
  expect(svg).toContain('role="img" aria-labelledby="title description"');
});

test('ours is marked', () => {
  expect(drawChart(results(), CHART, (subject) => subject === 'ours').match(/class="ours"/g)).toHaveLength(1);
});

test('text cannot become markup', () => {
  const evil = `</text><script>"'&\u0000\u0008`;
  const svg = drawChart(
    results({
      baseline: evil,
      measuredAt: evil,
      machine: { ...results().machine, cpu: evil },
      summaries: { [evil]: { 'RSS KB': summary(1) } },
    }),
    { metric: 'RSS KB', title: evil },
  );
  expect(svg).not.toContain('<script');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: XML has no way to write them
  expect(svg).not.toMatch(/[\u0000\u0008]/);
  expect(svg).toContain('&#60;/text&#62;&#60;script&#62;&#34;&#39;&#38;');
});

test.each([
  ['no figure', { raw: { 'RSS KB': summary(Number.NaN) }, ours: { 'RSS KB': summary(5) } }],
  ['another metric', { raw: { ms: summary(1) }, ours: { 'RSS KB': summary(5) } }],
])('a subject with %s has a dash, and no bar', (_, summaries) => {
  const svg = drawChart(results({ summaries }), CHART);
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  expect(bars(svg)).toEqual([expect.any(Number)]);
  expect(bars(svg)[0]).toBeGreaterThan(100);
  expect(svg).toContain('>–</text>');
});

test('zeros alone make bars of no length', () => {
  expect(bars(chartOf(0, 0))).toEqual([0, 0]);
});

test('without any subject the chart says so', () => {
  const svg = chartOf();
  expect(svg).toContain('>Nothing was measured.</text>');
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test('the same results give the same file, which needs nothing from elsewhere', () => {
  expect(drawChart(results(), CHART)).toBe(drawChart(results(), CHART));
  expect(drawChart(results(), CHART)).not.toMatch(/href|url\(|@import|src=/);
  // Coordinates are in tenths: a last digit that differs between machines would change the file.
  expect(chartOf(3, 1)).not.toMatch(/(?:x|y|width|height|d|viewBox)="[^"]*\d\.\d\d/);
});
