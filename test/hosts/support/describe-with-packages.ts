import { describe } from '@jest/globals';
import { skipWithout } from '../../support/skip-for.js';
import { InstalledPackages } from './installed-packages.js';

/**
 * A block of tests that need the packages of `test/hosts/fixtures/FIXTURE`, which are installed first. `await` it at the top of
 * a file. Where they can't be fetched its tests are skipped, and that is said; with REQUIRE_SERVICES=1 it is a failure.
 */
export async function describeWithPackages(
  fixture: string,
  what: string,
  tests: (packages: InstalledPackages) => void,
): Promise<void> {
  const packages = await InstalledPackages.find(fixture);
  if (packages) describe(what, () => tests(packages));
  else skipWithout(`no npm registry to fetch test/hosts/fixtures/${fixture} from`, what);
}
