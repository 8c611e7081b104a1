import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, test } from '@jest/globals';
import { run } from '../package/processes.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { BuiltPackage } from './support/built-package.js';
import { describeWithPackages } from './support/describe-with-packages.js';

const FRONT_END = fileURLToPath(new URL('support/front-end.test.mjs', import.meta.url));
const JEST = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--ci'];
const VITEST = ['node_modules/vitest/vitest.mjs', 'run'];
// The page is one of the server's: happy-dom heeds CORS.
const VITEST_CONFIG = `export default {
  test: { globals: true, environmentOptions: { happyDOM: { url: process.env.SERVER_URL } } },
};
`;

// Front ends test their pages in a DOM without a browser, of which each lacks something else.
await describeWithPackages('simulated-browsers', 'The element in tests of a front end', (packages) => {
  let built: BuiltPackage;
  let database: TestDatabase;
  let crm: CrmApp;

  beforeAll(async () => {
    built = await BuiltPackage.beside(packages, 'client');
    cpSync(FRONT_END, join(built.directory, 'front-end.test.mjs'));
    const jest = { testEnvironment: 'jsdom', testMatch: ['**/*.test.mjs'], transform: {} };
    writeFileSync(join(built.directory, 'jest.config.json'), JSON.stringify(jest));
    writeFileSync(join(built.directory, 'vitest.config.mjs'), VITEST_CONFIG);
    database = await createMigratedDatabase();
    crm = await startCrmApp(database);
    await crm.notifications.notify('ann', { type: 't', title: 'before' });
  }, 300_000);

  afterAll(async () => {
    await crm?.close();
    await database?.drop();
    await built?.delete();
  });

  test.each([
    ['Jest with jsdom', JEST],
    ['Vitest with jsdom', [...VITEST, '--environment', 'jsdom']],
    ['Vitest with happy-dom', [...VITEST, '--environment', 'happy-dom']],
  ])(
    '%s',
    async (_name, args) => {
      const env = { ...process.env, NODE_OPTIONS: '', SERVER_URL: crm.url, TOKEN: await accessToken('ann') };
      await run(built.directory, process.execPath, args, env);
    },
    120_000,
  );
});
