import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { describeMachine, formatMachine, formatVersions, versionsOf } from '../../bench/report/machine.js';
import { readResults, writeResults } from '../../bench/report/results.js';
import { results, summary } from './support/results.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bench-results-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

test('what was written is read', async () => {
  const written = results();
  const file = await writeResults(join(directory, 'new', 'folder'), written);
  expect(file).toBe(join(directory, 'new', 'folder', 'idle-memory.json'));
  expect(await readResults(file)).toEqual(written);
});

test('a figure that was none stays none', async () => {
  const written = results({ summaries: { raw: { ms: summary(Number.NaN) } } });
  expect(await readResults(await writeResults(directory, written))).toEqual(written);
});

test('what this machine and its packages are survives, too', async () => {
  const written = results({ machine: describeMachine(), versions: versionsOf({ postgres: '15.1' }) });
  expect(await readResults(await writeResults(directory, written))).toEqual(written);
});

test.each(['../escape', '', 'Ours', 'a/b', '.'])('no file is named %j', async (scenario) => {
  await expect(writeResults(directory, results({ scenario }))).rejects.toThrow('No name for a scenario');
});

// biome-ignore lint/suspicious/noExplicitAny: they break what is typed
type Broken = any;

test.each<[string, (json: Broken) => void, string]>([
  ['a scenario that is missing', (json) => delete json.scenario, 'scenario is no text'],
  ['a number as text', (json) => Object.assign(json, { rounds: '3' }), 'rounds is no number'],
  ['no date', (json) => Object.assign(json, { measuredAt: 'yesterday' }), 'measuredAt is no date'],
  ['no machine', (json) => delete json.machine, 'machine is no object'],
  ['a list of summaries', (json) => Object.assign(json, { summaries: [] }), 'summaries is no object'],
  ['a version that is none', (json) => Object.assign(json.versions, { node: 20 }), 'versions.node is no text'],
  ['no values', (json) => delete json.summaries.raw['RSS KB'].values, 'summaries.raw.RSS KB.values is no list'],
  ['a value as text', (json) => json.summaries.raw['RSS KB'].values.push('1'), 'RSS KB.values[3] is no number'],
  ['a median that is missing', (json) => delete json.summaries.raw['RSS KB'].median, 'RSS KB.median is no number'],
])('%s is refused, by name', async (_, breakIt, message) => {
  const file = await writeResults(directory, results());
  const json = JSON.parse(await readFile(file, 'utf8'));
  breakIt(json);
  await writeFile(file, JSON.stringify(json));
  await expect(readResults(file)).rejects.toThrow(message);
});

test('what is no JSON is refused with the name of the file', async () => {
  const file = join(directory, 'idle-memory.json');
  await writeFile(file, '{');
  await expect(readResults(file)).rejects.toThrow(file);
});

test('the machine and every version are told in a line', () => {
  expect(formatMachine(describeMachine())).toMatch(/^\d+ × .+, [\d.]+ GB, \w+ \S+/);
  const versions = versionsOf({ postgres: '15.1' });
  expect(Object.values(versions).every((version) => /^\d+\.\d/.test(version))).toBe(true);
  expect(formatVersions(versions)).toMatch(/^node \d.*, postgres 15\.1, @nestjs\/core 1\d.*better-sse 0.*ws 8/);
});
