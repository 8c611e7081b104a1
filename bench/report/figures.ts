/** Three digits, and whole numbers from a thousand on: a benchmark knows no more. A dash where there is no figure. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

/** How many times the baseline's it is; empty where there is nothing to compare with. */
export function formatRatio(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return '';
  return `${ratio < 10 ? ratio.toFixed(2) : formatFigure(ratio)} ×`;
}
