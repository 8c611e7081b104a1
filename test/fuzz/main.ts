import { parseArgs } from 'node:util';
import { command } from '../chaos/command.js';
import { discardRunDataDirs } from '../support/data-dirs.js';
import { type FuzzResult, runFor } from './target.js';
import { TARGETS } from './targets.js';

// `npm run fuzz -- --seconds 600 [--seed N] [--only NAME]`. Exits with 1 for any finding.
await command(async () => {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, only: { type: 'string' } },
  });
  const { only = '' } = values;
  const targets = TARGETS.filter(({ name }) => name.includes(only));
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  console.log(`fuzz with --seed ${seed}`);
  const results: FuzzResult[] = [];
  for (const target of targets) {
    const result = await runFor(target, Number(values.seconds) / targets.length, seed);
    results.push(result);
    for (const finding of result.findings) console.log(`\n${target.name}: ${finding}\n`);
  }
  console.table(
    results.map(({ name, executions, seconds, findings }) => ({
      target: name,
      executions,
      'a second': Math.round(executions / seconds),
      findings: findings.length,
    })),
  );
  await discardRunDataDirs();
  return results.every(({ findings }) => findings.length === 0);
});
