import type { Chart } from '../support/scenario.js';
import { formatFigure, formatRatio } from './figures.js';
import type { Results } from './results.js';

// A background of its own: the colours follow the reader's system, but the page around an image need not.
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
  .page { fill: #ffffff }
  .title { font-size: 16px; font-weight: 600 }
  .note { font-size: 12px; fill: #59636e }
  .bar { fill: #a8b3bf }
  .ours { fill: #54a0ff }
  .whisker { stroke: #1f2328; stroke-width: 1.5; fill: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc }
    .page { fill: #0d1117 }
    .note { fill: #9198a1 }
    .bar { fill: #4d5763 }
    .ours { fill: #1f6feb }
    .whisker { stroke: #f0f6fc }
  }
`;

const WIDTH = 800;
const MARGIN = 16;
const FIRST_ROW = 76;
const ROW = 30;
const BAR = 16;
/** Of the system fonts at 13 px, a little more than an average character takes. */
const CHARACTER = 7.2;

/** A metric as a bar a subject, with a whisker from the least to the most, and the figures written beside it. */
export function drawChart(results: Results, chart: Chart, isOurs: (subject: string) => boolean = () => false): string {
  const { baseline, rounds, summaries, machine, versions, measuredAt } = results;
  const rows = Object.entries(summaries).map(([subject, metrics]) => rowOf(subject, metrics[chart.metric]));
  const labels = Math.max(0, ...rows.map(({ subject }) => subject.length)) * CHARACTER;
  const texts = Math.max(0, ...rows.map(({ text }) => text.length)) * CHARACTER;
  const left = MARGIN + labels + 8;
  const room = Math.max(100, WIDTH - left - texts - 8 - MARGIN);
  const most = Math.max(0, ...rows.map(({ max }) => max));
  const x = (value: number) => left + (most > 0 ? (Math.max(0, value) / most) * room : 0);
  const height = FIRST_ROW + Math.max(1, rows.length) * ROW + 40;
  const width = Math.max(WIDTH, left + room + 8 + texts + MARGIN);

  const bars = rows.map(({ subject, text, median, min, max }, i) => {
    const middle = FIRST_ROW + i * ROW + ROW / 2;
    const shapes = Number.isNaN(median)
      ? ''
      : `<rect class="${isOurs(subject) ? 'ours' : 'bar'}" x="${px(left)}" y="${px(middle - BAR / 2)}" ` +
        `width="${px(x(median) - left)}" height="${BAR}"/>${whisker(x(min), x(max), middle)}`;
    return (
      `  <text x="${px(left - 8)}" y="${px(middle + 4)}" text-anchor="end">${escapeXml(subject)}</text>${shapes}` +
      `<text x="${px(x(Number.isNaN(max) ? 0 : max) + 8)}" y="${px(middle + 4)}">${escapeXml(text)}</text>`
    );
  });
  if (rows.length === 0) bars.push(`  <text x="${MARGIN}" y="${FIRST_ROW + 20}">Nothing was measured.</text>`);

  const note = `Median of ${rounds} rounds, whiskers from the least to the most; × compares with ${baseline}.`;
  const foot = `${machine.cores} × ${machine.cpu}, Node ${versions.node ?? ''}, ${measuredAt.slice(0, 10)}`;
  const description = rows.map(({ subject, text }) => `${subject}: ${text}`).join('; ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" role="img" aria-labelledby="title description">
  <title id="title">${escapeXml(chart.title)}</title>
  <desc id="description">${escapeXml(`${note} ${description || 'Nothing was measured.'}`)}</desc>
  <style>${STYLE}</style>
  <rect class="page" width="100%" height="100%"/>
  <text class="title" x="${MARGIN}" y="32">${escapeXml(chart.title)}</text>
  <text class="note" x="${MARGIN}" y="54">${escapeXml(note)}</text>
${bars.join('\n')}
  <text class="note" x="${MARGIN}" y="${px(height - 14)}">${escapeXml(foot)}</text>
</svg>
`;
}

interface Row {
  subject: string;
  text: string;
  median: number;
  min: number;
  max: number;
}

function rowOf(subject: string, summary: Results['summaries'][string][string] | undefined): Row {
  const { median, min, max, ratio } = summary ?? { median: Number.NaN, min: Number.NaN, max: Number.NaN, ratio: null };
  const whole = [median, min, max].every(Number.isFinite);
  const compared = formatRatio(ratio);
  return {
    subject,
    text: `${formatFigure(median)}${compared && ` (${compared})`}`,
    ...(whole ? { median, min, max } : { median: Number.NaN, min: Number.NaN, max: 0 }),
  };
}

function whisker(from: number, to: number, middle: number): string {
  const cap = (at: number) => `M${px(at)} ${px(middle - 4)}V${px(middle + 4)}`;
  return `<path class="whisker" d="${cap(from)}M${px(from)} ${px(middle)}H${px(to)}${cap(to)}"/>`;
}

/** A tenth of a pixel, so that the same figures give the same file everywhere. */
function px(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escapeXml(text: string): string {
  // The control characters that XML 1.0 has no way to write.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is they that are meant
  const printable = text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '');
  return printable.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
