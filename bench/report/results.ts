import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Summaries, Summary } from '../support/rounds.js';
import type { Chart } from '../support/scenario.js';
import type { Machine, Versions } from './machine.js';

/** What a run of one scenario gave, as its file keeps it. */
export interface Results {
  scenario: string;
  title: string;
  baseline: string;
  charts: readonly Chart[];
  /** An ISO date. */
  measuredAt: string;
  machine: Machine;
  versions: Versions;
  rounds: number;
  summaries: Summaries;
}

/** @returns the file's path: `directory/<scenario>.json`. */
export async function writeResults(directory: string, results: Results): Promise<string> {
  // It becomes a file's name.
  if (!/^[a-z0-9][a-z0-9-]*$/.test(results.scenario)) throw new Error(`No name for a scenario: ${results.scenario}`);
  const file = join(directory, `${results.scenario}.json`);
  await mkdir(directory, { recursive: true });
  await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

/** @throws naming the first thing in the file that isn't as it should be. */
export async function readResults(file: string): Promise<Results> {
  try {
    return parseResults(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    throw new Error(`${file} holds no results of the bench: ${(error as Error).message}`, { cause: error });
  }
}

function parseResults(json: unknown): Results {
  const { scenario, title, baseline, measuredAt, rounds, charts, machine, versions, summaries } = object(
    json,
    'the file',
  );
  if (!Array.isArray(charts)) throw new Error('charts is no list');
  const { cpu, cores, memoryGb, kernel, openFiles } = object(machine, 'machine');
  return {
    scenario: string(scenario, 'scenario'),
    title: string(title, 'title'),
    baseline: string(baseline, 'baseline'),
    charts: charts.map(parseChart),
    measuredAt: date(measuredAt, 'measuredAt'),
    machine: {
      cpu: string(cpu, 'machine.cpu'),
      cores: number(cores, 'machine.cores'),
      memoryGb: number(memoryGb, 'machine.memoryGb'),
      kernel: string(kernel, 'machine.kernel'),
      openFiles: openFiles === null ? null : number(openFiles, 'machine.openFiles'),
    },
    versions: entries(versions, 'versions', string),
    rounds: number(rounds, 'rounds'),
    summaries: entries(summaries, 'summaries', (metrics, subject) => entries(metrics, subject, parseSummary)),
  };
}

function parseChart(json: unknown, i: number): Chart {
  const { metric, title } = object(json, `charts[${i}]`);
  return { metric: string(metric, `charts[${i}].metric`), title: string(title, `charts[${i}].title`) };
}

function parseSummary(json: unknown, where: string): Summary {
  const { median, min, max, ratio, values } = object(json, where);
  if (!Array.isArray(values)) throw new Error(`${where}.values is no list`);
  return {
    median: figure(median, `${where}.median`),
    min: figure(min, `${where}.min`),
    max: figure(max, `${where}.max`),
    ratio: ratio === null ? null : number(ratio, `${where}.ratio`),
    values: values.map((value, i) => figure(value, `${where}.values[${i}]`)),
  };
}

function object(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${where} is no object`);
  return value as Record<string, unknown>;
}

function entries<T>(value: unknown, where: string, parse: (value: unknown, where: string) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(object(value, where)).map(([key, v]) => [key, parse(v, `${where}.${key}`)]));
}

function string(value: unknown, where: string): string {
  if (typeof value !== 'string' || value === '') throw new Error(`${where} is no text`);
  return value;
}

function number(value: unknown, where: string): number {
  if (typeof value !== 'number') throw new Error(`${where} is no number`);
  return value;
}

/** JSON has no NaN, and writes null for it: a round that gave no figure. */
function figure(value: unknown, where: string): number {
  return value === null ? Number.NaN : number(value, where);
}

function date(value: unknown, where: string): string {
  const text = string(value, where);
  if (Number.isNaN(Date.parse(text))) throw new Error(`${where} is no date`);
  return text;
}
