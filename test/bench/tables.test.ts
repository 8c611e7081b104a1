import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { readResults } from '../../bench/report/results.js';
import { fillTables } from '../../bench/report/tables.js';
import { results, summary } from './support/results.js';

const fileOf = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const RESULTS = results({ summaries: { raw: { ms: summary(2), KB: summary(3) } } });
const NAMED = new Map([[RESULTS.scenario, RESULTS]]);

test('a table is filled in below the comment that names it, in place of the one that is there', () => {
  const comment = `<!-- ${RESULTS.scenario}: ms -->`;
  const filled = fillTables(`Before.\n\n${comment}\n\n| old |\n| --- |\n\nAfter.\n`, NAMED);
  expect(filled).toContain('|  | ms |\n| --- | ---: |\n| raw | 2 ');
  expect(filled.startsWith(`Before.\n\n${comment}\n\n|`)).toBe(true);
  expect(filled.endsWith('|\n\nAfter.\n')).toBe(true);
  expect(filled).not.toContain('old');
  expect(fillTables(filled, NAMED)).toBe(filled);
  expect(fillTables(`Before.\n\n${comment}\n\nAfter.\n`, NAMED)).toBe(filled);
});

test('a scenario or a metric that no results hold is refused', () => {
  expect(() => fillTables('<!-- none: ms -->\n', NAMED)).toThrow('no results of none');
  expect(() => fillTables(`<!-- ${RESULTS.scenario}: ms; MB -->\n`, NAMED)).toThrow('have no "MB"');
});

test('docs/performance.md shows what bench/results holds', async () => {
  const directory = fileOf('bench/results/');
  const files = (await readdir(directory)).filter((file) => file.endsWith('.json'));
  const all = await Promise.all(files.map((file) => readResults(`${directory}${file}`)));
  const page = await readFile(fileOf('docs/performance.md'), 'utf8');
  expect(page).toMatch(/<!-- connect: /);
  expect(fillTables(page, new Map(all.map((one) => [one.scenario, one])))).toBe(page);
});
