import type { Summaries, Summary } from '../support/rounds.js';
import { formatFigure, formatRatio } from './figures.js';

/** A block for each metric, since a scenario may have a dozen: its median, ratio, least and most, a line a subject. */
export function terminalTable(summaries: Summaries): string {
  return metricsOf(summaries)
    .map((metric) => {
      const rows = Object.entries(summaries).flatMap(([subject, { [metric]: summary }]) =>
        summary ? [[subject, ...Object.values(cellsOf(summary))]] : [],
      );
      const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
      const lines = rows.map((row) =>
        row.map((cell, column) => pad(cell, widths[column] as number, column)).join('   '),
      );
      return [metric, ...lines.map((line) => `  ${line}`.trimEnd())].join('\n');
    })
    .join('\n\n');
}

/**
 * A line for each subject, a column for each metric.
 *
 * @param metrics which, in their order. @default all
 */
export function markdownTable(summaries: Summaries, metrics: readonly string[] = metricsOf(summaries)): string {
  const rows = Object.entries(summaries).map(([subject, summary]) => [
    subject,
    ...metrics.map((metric) => {
      const { figure, ratio, range } = cellsOf(summary[metric]);
      return [figure, ratio && `· ${ratio}`, range].filter(Boolean).join(' ');
    }),
  ]);
  const rule = ['---', ...metrics.map(() => '---:')];
  return [['', ...metrics], rule, ...rows].map((row) => `| ${row.map(escapeCell).join(' | ')} |`).join('\n');
}

function metricsOf(summaries: Summaries): string[] {
  return [...new Set(Object.values(summaries).flatMap((summary) => Object.keys(summary)))];
}

function cellsOf(summary: Summary | undefined): { figure: string; ratio: string; range: string } {
  if (!summary) return { figure: '', ratio: '', range: '' };
  const { median, ratio, min, max } = summary;
  if (!Number.isFinite(median)) return { figure: formatFigure(median), ratio: '', range: '' };
  return {
    figure: formatFigure(median),
    ratio: formatRatio(ratio),
    range: `(${formatFigure(min)}–${formatFigure(max)})`,
  };
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

function escapeCell(cell: string): string {
  return cell.replace(/[\\|]/g, '\\$&').replace(/\s+/g, ' ');
}
