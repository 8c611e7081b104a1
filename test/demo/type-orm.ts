import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { spawnTs } from '../support/run-ts.js';

const CLI = new URL('../../node_modules/typeorm/cli.js', import.meta.url);

/**
 * `npm run migration:…` without the build before it: the same command line with the same file, as TypeScript. Resolves
 * to what it prints, and rejects unless its exit code is 0.
 */
export async function runTypeOrm(command: 'run' | 'revert' | 'show', env: Record<string, string>): Promise<string> {
  const { DATABASE_URL, DATA_DIR, ...rest } = process.env;
  const child = spawnTs(CLI, [`migration:${command}`, '-d', 'ormconfig.ts'], {
    env: { ...rest, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (!child.stdout || !child.stderr) throw new Error('no pipes');
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`migration:${command} ended with ${code}: ${stdout}${stderr}`);
  return stdout.trim();
}
