import { expect, test } from '@jest/globals';
import { outputOfTs } from '../support/run-ts.js';
import { ADAPTERS } from './support/http-app.js';

const SCRIPT = new URL('./support/serverless-host.ts', import.meta.url);
const REQUESTS = 50;

test.each(ADAPTERS)('requests that come from no socket are answered and not held on to, on %s', async (adapter) => {
  const output = JSON.parse(await outputOfTs(SCRIPT, [adapter, String(REQUESTS)]));
  expect(output).toEqual({ answered: REQUESTS, seen: 2 * REQUESTS, held: 0 });
});
