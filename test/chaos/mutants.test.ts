import { expect, test } from '@jest/globals';
import { checkPatches } from './build.js';
import { MUTANTS } from './mutants.js';

// `npm run chaos:mutants` takes half an hour, so it is run by hand: what it needs must not rot meanwhile.
test.each(MUTANTS.map(({ name, patches }) => [name, patches] as const))(
  'the mutant applies to the code of today: %s',
  (_name, patches) => {
    expect(patches.length).toBeGreaterThan(0);
    expect(() => checkPatches(patches)).not.toThrow();
  },
);
