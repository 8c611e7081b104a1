import { checkPatches } from './build.js';
import { command } from './command.js';
import { MUTANTS, type Mutant } from './mutants.js';
import { runChaos } from './run.js';
import { DEFAULTS, type Settings } from './settings.js';
import { violationsOf } from './table.js';

// `npm run chaos:mutants [-- words of a name]`: every guarantee broken once on purpose. Exits with 1 unless the proof
// catches all of them, and passes without any.
/** Few recipients and much for each of them: what can collide does. */
const SHORT: Settings = {
  ...DEFAULTS,
  seed: 20_260_101,
  seconds: 12,
  // Whatever else happens makes what collides rarer; a mutant names the neighbours that it needs.
  ...{ instancesBefore: 0, neighbours: [] },
  recipients: 30,
  connections: 120,
  writesPerSecond: 45,
  changesPerSecond: 15,
  sweepMs: 1_000,
  settleSeconds: 20,
};
const TRIES = 5;

await command(async () => {
  const words = process.argv.slice(2).join(' ');
  const chosen = MUTANTS.filter(({ name }) => name.includes(words));
  // All of them first: one that no longer applies should be known at once.
  for (const { patches } of chosen) checkPatches(patches);

  const failures: string[] = [];
  if (words === '' && !(await passesUnbroken())) failures.push('the library as it is does not pass');
  for (const mutant of chosen) {
    if (!(await isCaught(mutant))) failures.push(`not caught: ${mutant.name}`);
  }
  console.log(failures.length === 0 ? `\nall ${chosen.length} mutants were caught` : `\n${failures.join('\n')}`);
  return failures.length === 0;
});

async function passesUnbroken(): Promise<boolean> {
  const { ledger } = await runChaos({ ...SHORT, settleSeconds: 60 });
  console.log(ledger.violations.size === 0 ? 'passes   without a mutation' : violationsOf(ledger));
  return ledger.violations.size === 0;
}

/** Timing decides what collides: a mutant that was lucky is tried again, with another seed. */
async function isCaught({ name, patches, settings }: Mutant): Promise<boolean> {
  for (let i = 0; i < TRIES; i += 1) {
    const seed = SHORT.seed + i;
    const { ledger } = await runChaos({ ...SHORT, ...settings, seed }, patches);
    const rules = [...ledger.violations].map(([rule, { count }]) => `${rule} (${count})`).join('; ');
    if (ledger.violations.size > 0) {
      console.log(`caught   ${name}\n         ${rules}`);
      return true;
    }
    console.log(`survived ${name} with seed ${seed}`);
  }
  return false;
}
