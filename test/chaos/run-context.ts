import type { Ledger } from './ledger.js';
import type { Settings } from './settings.js';
import type { Tally } from './tally.js';
import type { Trouble } from './trouble.js';
import type { World } from './world.js';

/** What all parts of a run share. */
export interface RunContext {
  readonly settings: Settings;
  readonly ledger: Ledger;
  readonly tally: Tally;
  readonly trouble: Trouble;
  readonly world: World;
}
