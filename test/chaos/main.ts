import { command } from './command.js';
import { runChaos } from './run.js';
import { parseSettings } from './settings.js';
import { tableOf, violationsOf } from './table.js';

// The proof: `npm run chaos`. Exits with 1 for any violation.
await command(async () => {
  const settings = parseSettings(process.argv.slice(2), process.env);
  console.log(`chaos with --seed ${settings.seed}`);
  const outcome = await runChaos(settings);
  console.log(tableOf(outcome));
  const isRight = outcome.ledger.violations.size === 0;
  if (!isRight) console.log(`\n${violationsOf(outcome.ledger)}\n\nAgain: npm run chaos -- --seed ${settings.seed}`);
  return isRight;
});
