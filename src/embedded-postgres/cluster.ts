import { execFile } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Binaries } from './binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import type { HomeDirectory } from './home-directory.js';
import { serverEnvironment } from './server-environment.js';

const run = promisify(execFile);

const DRAFT_PREFIX = 'cluster-draft-';

/**
 * Creates the database cluster unless it exists: in a draft directory that is renamed when complete, so that a killed
 * initdb leaves nothing behind that looks like a cluster. Call under the lock.
 */
export async function createCluster(home: HomeDirectory, binaries: Binaries, durable: boolean): Promise<void> {
  if (existsSync(home.cluster)) return;
  removeDrafts(home.path);

  const draft = mkdtempSync(join(home.path, DRAFT_PREFIX));
  chmodSync(draft, 0o700);
  if (home.account) chownSync(draft, home.account.uid, home.account.gid);
  const options = [
    `--pgdata=${draft}`,
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    ...(binaries.hasBuiltinLocales ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    await run(binaries.initdb, options, { cwd: draft, env: serverEnvironment(), ...home.account });
  } catch (cause) {
    rmSync(draft, { recursive: true, force: true });
    const { stderr, message } = cause as Error & { stderr?: string };
    throw new EmbeddedPostgresError(
      `initdb could not create a database cluster in ${home.path}: ${(stderr || message).trim()}\n` +
        'Name another data directory, or set DATABASE_URL to use a server of your own.',
      { cause },
    );
  }
  renameSync(draft, home.cluster);
}

function removeDrafts(path: string): void {
  for (const name of readdirSync(path)) {
    if (name.startsWith(DRAFT_PREFIX)) rmSync(join(path, name), { recursive: true, force: true, maxRetries: 3 });
  }
}
