import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
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
import { endBenchPostgres, postgresVersion } from './support/postgres.js';
import { runRounds } from './support/rounds.js';
import type { Scenario } from './support/scenario.js';
import { LEFT_OUT, OPTIONAL_VERSIONS } from './support/subjects.js';

// `npm run bench`: ours and its peers side by side. `-- --only connect,idle --rounds 1 --subjects 'ws;socket.io'` for a part
// of it. What is less than all subjects or five rounds is only printed, unless `--save` says otherwise.
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
const DIRECTORY = fileURLToPath(new URL('./results/', import.meta.url));

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    subjects: { type: 'string', default: '' },
    rounds: { type: 'string', default: String(ENOUGH_ROUNDS) },
    save: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const only = values.only.split(',').filter(Boolean);
const wanted = values.subjects.split(';').filter(Boolean);
const unknown = only.find((name) => SCENARIOS.every((scenario) => scenario.name !== name));
if (unknown)
  throw new Error(`There is no scenario ${unknown}; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`);
const log = (line: string) => process.stderr.write(`${line}\n`);

const machine = describeMachine();
const versions = versionsOf({ ...(await postgresVersion()), ...OPTIONAL_VERSIONS });
console.log(`${formatMachine(machine)}\n${formatVersions(versions)}`);
for (const reason of LEFT_OUT.values()) console.log(reason);

try {
  for (const scenario of SCENARIOS) {
    if (only.length > 0 && !only.includes(scenario.name)) continue;
    const subjects = scenario.subjects.filter((name) => wanted.length === 0 || wanted.includes(name));
    if (subjects.length > 0) await run(scenario, subjects);
  }
} finally {
  await endBenchPostgres();
}

async function run(scenario: Scenario, subjects: string[]): Promise<void> {
  // As it is, and not a copy: a scenario may be an object with a state of its own.
  const part: Scenario = Object.create(scenario, { subjects: { value: subjects } });
  const summaries = await runRounds(part, { rounds, log });
  console.log(`\n${scenario.title}; medians of ${rounds} rounds\n${terminalTable(summaries)}`);
  if (!values.save && (wanted.length > 0 || rounds < ENOUGH_ROUNDS)) return;
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
