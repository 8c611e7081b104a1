import { formatFigure } from '../report/figures.js';
import { type Column, MOST } from './comparison.js';

/** A block for each subject, a line for each metric. */
export function comparisonTable(columns: readonly Column[]): string {
  const head = ['', 'before', 'after', 'cost', '95 %', ''];
  const rows = columns.map((column) => [column.metric, ...cellsOf(column)]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number))).join('   ')}`.trimEnd();
  const subjects = [...new Set(columns.map(({ subject }) => subject))];
  return subjects
    .map((subject) => {
      const lines = rows.filter((_, i) => columns[i]?.subject === subject).map(line);
      return [subject, line(head), ...lines].join('\n');
    })
    .join('\n\n');
}

/** How it went, in a line or a few. */
export function verdictOf(columns: readonly Column[]): string {
  const count = (verdict: Column['verdict']) => columns.filter((column) => column.verdict === verdict).length;
  const slower = columns.filter(({ verdict }) => verdict === 'slower');
  return [
    `${columns.length} columns: ${count('slower')} slower (the whole interval above ${MOST}), ` +
      `${count('not slower')} not slower (the whole interval at most ${MOST}), ${count('unclear')} unclear`,
    ...slower.map(({ subject, metric }) => `slower: ${subject}: ${metric}`),
  ].join('\n');
}

function cellsOf({ before, after, ratio, interval, verdict }: Column): string[] {
  const times = (value: number) => (value < 100 ? value.toFixed(3) : formatFigure(value));
  const range = interval ? `${times(interval[0])}–${times(interval[1])}` : '–';
  return [
    formatFigure(before),
    formatFigure(after),
    Number.isFinite(ratio) ? `${times(ratio)} ×` : '–',
    range,
    verdict,
  ];
}
