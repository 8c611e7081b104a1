import { THIS_CHECKOUT } from './library.js';
import type { Sample, Scenario, Setup } from './scenario.js';

/** The middle, the least and the most of all rounds, and how the middle compares with the baseline's. */
export interface Summary {
  median: number;
  min: number;
  max: number;
  /** The median of what each round's value was divided by the baseline's of the same round. */
  ratio: number | null;
  values: number[];
}

/** Subject → metric → its summary. */
export type Summaries = Record<string, Record<string, Summary>>;

export interface Run {
  rounds: number;
  /** @default this checkout's library, and the scenario's own figures */
  setup?: Setup;
  log(line: string): void;
}

/**
 * A turn for each subject that is thrown away, unless turns warm up by themselves; then `rounds` of them, interleaved and
 * back and forth (A B C, C B A): a machine that is busy for a while is so for all of them, and one that becomes slower
 * favours nobody.
 */
export async function runRounds(
  scenario: Scenario,
  { rounds, setup = { library: THIS_CHECKOUT }, log }: Run,
): Promise<Summaries> {
  const samples = new Map<string, Sample[]>(scenario.subjects.map((subject) => [subject, []]));
  const end = await scenario.prepare?.();
  try {
    for (let round = scenario.warmsUp ? 1 : 0; round <= rounds; round++) {
      for (const subject of round % 2 === 0 && round > 0 ? scenario.subjects.toReversed() : scenario.subjects) {
        log(`${scenario.name}: ${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${subject}`);
        const sample = await scenario.measure(subject, setup);
        log(`  ${JSON.stringify(sample)}`);
        if (round > 0) samples.get(subject)?.push(sample);
      }
    }
  } finally {
    await end?.();
  }
  return summarise(samples, scenario.baseline);
}

/** @param samples one a round, in the order of the rounds. */
export function summarise(samples: ReadonlyMap<string, readonly Sample[]>, baseline: string): Summaries {
  const base = samples.get(baseline) ?? [];
  const summaries: Summaries = {};
  for (const [subject, rounds] of samples) {
    const metrics = new Set(rounds.flatMap((sample) => Object.keys(sample)));
    const summary: Record<string, Summary> = {};
    for (const metric of metrics) {
      const values = rounds.map((sample) => sample[metric] as number);
      const ratios = values.flatMap((value, round) => {
        const divisor = base[round]?.[metric];
        return divisor ? [value / divisor] : [];
      });
      summary[metric] = {
        median: median(values),
        min: Math.min(...values),
        max: Math.max(...values),
        ratio: ratios.length > 0 ? median(ratios) : null,
        values,
      };
    }
    summaries[subject] = summary;
  }
  return summaries;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
