import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareCommits, TRAFFIC } from './compare/compare-commits.js';
import { connect } from './connect.js';
import { connections } from './connections.js';
import { durableLatency } from './durable-latency.js';
import { oneToMany } from './durable-one-to-many.js';
import { durableThroughput } from './durable-throughput.js';
import { idle } from './idle.js';
import { inboxes } from './inboxes.js';
import { polling } from './polling.js';
import { reconnect } from './reconnect.js';
import { drawChart } from './report/chart.js';
import { describeMachine, formatMachine, formatVersions, versionsOf } from './report/machine.js';
import { type Results, writeResults } from './report/results.js';
import { terminalTable } from './report/table.js';
import { stuck } from './stuck.js';
import { THIS_CHECKOUT } from './support/library.js';
import { endBenchPostgres, postgresVersion } from './support/postgres.js';
import { runRounds } from './support/rounds.js';
import type { Scenario } from './support/scenario.js';
import { LEFT_OUT, OPTIONAL_VERSIONS } from './support/subjects.js';

// `npm run bench`: ours and its peers side by side. `-- --only connect,idle --rounds 1 --subjects 'ws;socket.io'` for a part
// of it. What is less than all subjects or five rounds is only printed, unless `--save` says otherwise. `-- --before REF`
// compares ours with ours at that commit, and ends with 1 if anything has become slower.
const SCENARIOS: readonly Scenario[] = [
  connections,
  connect,
  reconnect,
  stuck,
  idle,
  polling,
  durableThroughput,
  durableLatency,
  oneToMany,
  inboxes,
];
const ENOUGH_ROUNDS = 5;
/** What a comparison needs: 95 % takes six rounds at least, and 15 make an interval that tells 5 %. */
const COMPARED_ROUNDS = { quick: 6, whole: 15 };
const QUICK_CONNECTIONS = '1000';
const DIRECTORY = fileURLToPath(new URL('./results/', import.meta.url));

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    subjects: { type: 'string', default: '' },
    rounds: { type: 'string' },
    connections: { type: 'string' },
    before: { type: 'string' },
    quick: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const { before, quick } = values;
const compared = quick ? COMPARED_ROUNDS.quick : COMPARED_ROUNDS.whole;
const rounds = Number(values.rounds ?? (before === undefined ? ENOUGH_ROUNDS : compared));
const connectionCounts = (values.connections ?? (quick ? QUICK_CONNECTIONS : undefined))
  ?.split(',')
  .map(Number)
  .sort((a, b) => a - b);
const only = values.only.split(',').filter(Boolean);
const wanted = values.subjects.split(';').filter(Boolean);
const isWanted = (subject: string) => wanted.length === 0 || wanted.includes(subject);
const names = [...SCENARIOS.map(({ name }) => name), ...(before === undefined ? [] : [TRAFFIC])];
const unknown = only.find((name) => !names.includes(name));
if (unknown) throw new Error(`There is no scenario ${unknown}; there are ${names.join(', ')}`);
if (!(rounds >= 1)) throw new Error('--rounds is the number of rounds');
if (!(connectionCounts ?? []).every((count) => Number.isInteger(count) && count > 0))
  throw new Error('--connections is a list of numbers, such as 1000,10000');
const scenarios = SCENARIOS.filter(({ name }) => only.length === 0 || only.includes(name));
const log = (line: string) => process.stderr.write(`${line}\n`);

const machine = describeMachine();
const versions = versionsOf({ ...(await postgresVersion()), ...OPTIONAL_VERSIONS });
console.log(`${formatMachine(machine)}\n${formatVersions(versions)}`);
for (const reason of LEFT_OUT.values()) console.log(reason);

try {
  if (before === undefined) {
    for (const scenario of scenarios) {
      const subjects = scenario.subjects.filter(isWanted);
      if (subjects.length > 0) await run(scenario, subjects);
    }
  } else {
    const options = { before, scenarios, isWanted, rounds, connections: connectionCounts, log };
    if (!(await compareCommits(options))) process.exitCode = 1;
  }
} finally {
  await endBenchPostgres();
}

async function run(scenario: Scenario, subjects: string[]): Promise<void> {
  // As it is, and not a copy: a scenario may be an object with a state of its own.
  const part: Scenario = Object.create(scenario, { subjects: { value: subjects } });
  const setup = { library: THIS_CHECKOUT, connections: connectionCounts };
  const summaries = await runRounds(part, { rounds, setup, log });
  console.log(`\n${scenario.title}; medians of ${rounds} rounds\n${terminalTable(summaries)}`);
  if (!values.save && (wanted.length > 0 || rounds < ENOUGH_ROUNDS || connectionCounts)) return;
  const { name, title, baseline, charts } = scenario;
  const measuredAt = new Date().toISOString();
  const results: Results = {
    scenario: name,
    title,
    baseline,
    charts,
    measuredAt,
    machine,
    versions,
    rounds,
    summaries,
  };
  await writeResults(DIRECTORY, results);
  for (const [index, chart] of charts.entries()) {
    const file = `${DIRECTORY}${name}${index === 0 ? '' : `-${index + 1}`}.svg`;
    await writeFile(
      file,
      drawChart(results, chart, (subject) => /^ours|^notify/.test(subject)),
    );
  }
}
