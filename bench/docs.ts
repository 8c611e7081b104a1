import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { readResults } from './report/results.js';
import { fillTables } from './report/tables.js';

// `npm run bench:docs`: docs/performance.md shows what bench/results holds.
const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const DIRECTORY = fileURLToPath(new URL('./results/', import.meta.url));

const files = (await readdir(DIRECTORY)).filter((file) => file.endsWith('.json'));
const all = await Promise.all(files.map((file) => readResults(`${DIRECTORY}${file}`)));
const page = await readFile(PAGE, 'utf8');
await writeFile(PAGE, fillTables(page, new Map(all.map((results) => [results.scenario, results]))));
