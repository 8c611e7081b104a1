import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { importTs } = require('./import-ts.cjs');

export default async function globalTeardown(): Promise<void> {
  const { closeRun }: typeof import('./test-run.js') = await importTs('./test-run.ts');
  await closeRun();
}
