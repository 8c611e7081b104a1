import { parseArgs } from 'node:util';
import { connections } from './connections.js';
import { runRounds } from './support/rounds.js';
import type { Scenario } from './support/scenario.js';

const SCENARIOS: readonly Scenario[] = [connections];
const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    subjects: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
  },
});
const log = (line: string) => process.stderr.write(`${line}\n`);
for (const scenario of SCENARIOS) {
  if (values.only !== '' && !values.only.split(',').includes(scenario.name)) continue;
  const wanted = values.subjects.split(';').filter(Boolean);
  const subjects = scenario.subjects.filter((name) => wanted.length === 0 || wanted.includes(name));
  const summaries = await runRounds({ ...scenario, subjects }, { rounds: Number(values.rounds), log });
  for (const [subject, metrics] of Object.entries(summaries)) {
    for (const [metric, { median, ratio }] of Object.entries(metrics)) {
      console.log(`${subject.padEnd(28)} ${metric.padEnd(45)} ${median.toFixed(2).padStart(10)} ${ratio?.toFixed(2)}`);
    }
  }
}
process.exit(0);
