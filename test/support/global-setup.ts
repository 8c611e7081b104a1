import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { importTs } = require('./import-ts.cjs');

export default async function globalSetup(): Promise<void> {
  const { openRun }: typeof import('./test-run.js') = await importTs('./test-run.ts');
  await openRun();
}
