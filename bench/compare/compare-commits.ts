import { THIS_CHECKOUT } from '../support/library.js';
import { benchPostgres } from '../support/postgres.js';
import { runRounds } from '../support/rounds.js';
import type { Scenario, Setup } from '../support/scenario.js';
import { OURS, subjectNamed } from '../support/subjects.js';
import { copyCommit, describeCheckout } from './commit-copy.js';
import { besideBefore, type Column, compare } from './comparison.js';
import { comparisonTable, verdictOf } from './comparison-table.js';
import { recordTraffic, type Step } from './traffic.js';
import { trafficDifferences } from './traffic-differences.js';

/** What is compared beside what scenarios measure; `--only traffic` for this alone. */
export const TRAFFIC = 'traffic';

export interface CompareOptions {
  /** A commit, branch or tag. */
  before: string;
  scenarios: readonly Scenario[];
  /** Whether a subject takes part. */
  isWanted(subject: string): boolean;
  rounds: number;
  connections?: Setup['connections'];
  log(line: string): void;
}

/** Ours against ours at a commit before. @returns whether no column is slower. */
export async function compareCommits({ before, scenarios, isWanted, log, ...run }: CompareOptions): Promise<boolean> {
  const copy = await copyCommit(before);
  console.log(`before: ${copy.description}\nafter:  ${await describeCheckout()}`);
  await compareTraffic(copy.library, Object.values(OURS).filter(isWanted), log);
  const columns: Column[] = [];
  for (const scenario of scenarios) {
    const subjects = (scenario.ours ?? []).filter(isWanted);
    if (subjects.length === 0) continue;
    const setup: Setup = { library: THIS_CHECKOUT, connections: run.connections };
    const both = besideBefore(scenario, subjects, copy.library);
    const found = compare(await runRounds(both, { rounds: run.rounds, setup, log }), subjects);
    console.log(`\n${scenario.title}; medians of ${run.rounds} rounds\n\n${comparisonTable(found)}`);
    columns.push(...found);
  }
  if (columns.length > 0) console.log(`\n${verdictOf(columns)}`);
  return columns.every(({ verdict }) => verdict !== 'slower');
}

async function compareTraffic(libraryBefore: string, subjects: readonly string[], log: (line: string) => void) {
  const { url } = await benchPostgres();
  for (const name of subjects) {
    log(`${TRAFFIC}: ${name}`);
    const [before, after] = [libraryBefore, THIS_CHECKOUT].map((library) =>
      recordTraffic(subjectNamed(name), library, url),
    ) as [Promise<Step[]>, Promise<Step[]>];
    // Where one fails the other still has to end, before its Postgres does.
    await Promise.allSettled([before, after]);
    const differences = trafficDifferences(await before, await after);
    const summary = differences.length === 0 ? 'the same' : `${differences.length} lines differ (- before, + after)`;
    console.log(`\nStatements and frames of ${name}: ${summary}`);
    for (const line of differences) console.log(`  ${line}`);
  }
}
