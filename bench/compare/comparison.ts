import { median, type Summaries } from '../support/rounds.js';
import type { Scenario, Setup } from '../support/scenario.js';
import { signedRankEstimate } from './signed-rank.js';

/** Ours may cost so many times what it cost before. */
export const MOST = 1.05;

type Verdict =
  /** The whole interval lies above {@link MOST}. */
  | 'slower'
  /** The whole interval lies at or below it. */
  | 'not slower'
  /** The interval holds it, or there are too few rounds for one: more rounds would tell. */
  | 'unclear';

/** One metric of one subject, after against before. */
export interface Column {
  subject: string;
  metric: string;
  /** Medians, in the metric's unit. */
  before: number;
  after: number;
  /** What it costs after, divided by what it cost before; of a rate the other way round, so that more is always worse. */
  ratio: number;
  interval: readonly [low: number, high: number] | null;
  verdict: Verdict;
}

/** A ratio beyond this, 0 included, says no more than this does: one of them is next to nothing. */
const MOST_OF_A_RATIO = 1e6;

const before = (subject: string) => `${subject}, before`;

/** The scenario with the commit before as a subject of its own beside each of ours. Their turns stand side by side. */
export function besideBefore(scenario: Scenario, subjects: readonly string[], library: string): Scenario {
  const originals = new Map(subjects.map((subject) => [before(subject), subject]));
  const both = subjects.flatMap((subject) => [subject, before(subject)]);
  // Called on the object that prepare() was called on, which has the scenario's state.
  function measure(this: Scenario, subject: string, setup: Setup) {
    const original = originals.get(subject);
    return original === undefined
      ? scenario.measure.call(this, subject, setup)
      : scenario.measure.call(this, original, { ...setup, library });
  }
  // Made from the scenario, and not a copy: it may be an object of a class.
  return Object.create(scenario, { subjects: { value: both }, measure: { value: measure } });
}

/** @param summaries of what {@link besideBefore} gave. */
export function compare(summaries: Summaries, subjects: readonly string[]): Column[] {
  return subjects.flatMap((subject) => {
    const [ofAfter = {}, ofBefore = {}] = [summaries[subject], summaries[before(subject)]];
    return Object.keys(ofAfter).flatMap((metric) => {
      const [after, before] = [ofAfter[metric]?.values, ofBefore[metric]?.values];
      return after && before ? [columnOf({ subject, metric, before, after })] : [];
    });
  });
}

function columnOf(values: { subject: string; metric: string; before: number[]; after: number[] }): Column {
  const { subject, metric, before, after } = values;
  const [dividend, divisor] = isRate(metric) ? [before, after] : [after, before];
  const logs = dividend.flatMap((value, round) => logOfRatio(value, divisor[round] as number));
  const { centre, interval } = signedRankEstimate(logs);
  const [low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY] = interval?.map(Math.exp) ?? [];
  return {
    subject,
    metric,
    before: median(before),
    after: median(after),
    ratio: Math.exp(centre),
    interval: interval && [low, high],
    verdict: low > MOST ? 'slower' : high <= MOST ? 'not slower' : 'unclear',
  };
}

/** Metrics have their units in their names: `notifications/s`, `connects a second at 1000`. */
export function isRate(metric: string): boolean {
  return /(\/s| a second)( at \d+)?$/.test(metric);
}

/** Nothing where one of them is below zero, as memory may be that was given back meanwhile. */
function logOfRatio(dividend: number, divisor: number): number[] {
  if (dividend === 0 && divisor === 0) return [0];
  if (!(dividend >= 0 && divisor >= 0)) return [];
  return [Math.log(Math.min(MOST_OF_A_RATIO, Math.max(1 / MOST_OF_A_RATIO, dividend / divisor)))];
}
