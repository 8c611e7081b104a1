import { expect, test } from '@jest/globals';
import { markdownTable, terminalTable } from '../../bench/report/table.js';
import { results, summary } from './support/results.js';

test('the terminal shows each metric with its figures in columns', () => {
  expect(terminalTable(results().summaries)).toBe(
    [
      'RSS KB',
      '  raw    10   1.00 ×    (8–12)',
      '  ours   20   2.00 ×   (20–20)',
      '',
      'CPU µs',
      '  raw       0.5     1.00 ×         (0.5–0.5)',
      '  ours   12,346   24,691 ×   (12,346–12,346)',
    ].join('\n'),
  );
});

test('the terminal leaves out who was not measured, and shows a dash for no figure', () => {
  expect(terminalTable({ a: { ms: summary(Number.NaN) }, b: { KB: summary(1) } })).toBe(
    ['ms', '  a   –', '', 'KB', '  b   1      (1–1)'].join('\n'),
  );
});

test('Markdown shows the same', () => {
  expect(markdownTable(results().summaries)).toBe(
    [
      '|  | RSS KB | CPU µs |',
      '| --- | ---: | ---: |',
      '| raw | 10 · 1.00 × (8–12) | 0.5 · 1.00 × (0.5–0.5) |',
      '| ours | 20 · 2.00 × (20–20) | 12,346 · 24,691 × (12,346–12,346) |',
    ].join('\n'),
  );
});

test('Markdown shows what is asked for, in that order', () => {
  expect(markdownTable(results().summaries, ['CPU µs']).split('\n')[0]).toBe('|  | CPU µs |');
});

test('what was not measured stays empty, and what gave no figure is a dash', () => {
  const table = markdownTable({ a: { ms: summary(Number.NaN) }, b: { KB: summary(1) } });
  expect(table.split('\n').slice(2)).toEqual(['| a | – |  |', '| b |  | 1 (1–1) |']);
});

test('a name cannot break the table', () => {
  const table = markdownTable({ 'a | b\\\nc': { ms: summary(1) } });
  expect(table.split('\n')[2]).toBe('| a \\| b\\\\ c | 1 (1–1) |');
});

test('there are tables of nothing', () => {
  expect(terminalTable({})).toBe('');
  expect(markdownTable({})).toBe('|  |\n| --- |');
});
