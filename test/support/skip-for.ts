import { test } from '@jest/globals';
import { type FoundService, SERVICES, type ServiceName } from './services.js';

/**
 * Takes the place of tests whose service is missing: one that is skipped and says so, or fails if it is required.
 *
 * @param what the tests that are left out.
 */
export function skipFor(name: ServiceName, what: string, { binary, url }: FoundService): void {
  const server: { binary: string; variable?: string } = SERVICES[name];
  const elsewhere = binary || url || !server.variable ? '' : `, and no server at ${server.variable}`;
  skipWithout(`no ${server.binary} on the PATH${elsewhere}`, what);
}

/**
 * The same for what is no service.
 *
 * @param missing what there isn't, such as `no browser`.
 */
export function skipWithout(missing: string, what: string): void {
  if (process.env.REQUIRE_SERVICES === '1') {
    test(what, () => {
      throw new Error(`There is ${missing}, but REQUIRE_SERVICES=1 is set`);
    });
    return;
  }
  process.stderr.write(`SKIPPED ${what}: there is ${missing}\n`);
  test.skip(`${what}: there is ${missing}`, () => {});
}
