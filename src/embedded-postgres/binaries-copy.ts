import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Account, canReach } from './account.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { repairPackage } from './package-repair.js';

/**
 * Ways to get a copy of the package's programs into a directory that the account can reach, to be tried in order. A
 * copy is made once per package version and user, and shared from then on.
 */
export function copiesOf(packageDir: string, account: Account | undefined): (() => string)[] {
  return [...new Set([tmpdir(), '/tmp', '/var/tmp'])]
    .filter((parent) => existsSync(parent) && (!account || canReach(parent, account)))
    .map((parent) => () => copyInto(parent, packageDir));
}

function copyInto(parent: string, packageDir: string): string {
  const { version } = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8'));
  const name = `embedded-postgres-${version}-${basename(packageDir)}-${process.geteuid?.() ?? 'user'}`;
  const target = join(parent, name);
  if (!existsSync(target)) publish(join(packageDir, 'native'), target, mkdtempSync(join(parent, `.${name}-`)));
  checkOurs(target);
  return target;
}

/** Copies into a draft first, so that `target` is complete whenever it exists. */
function publish(native: string, target: string, draft: string): void {
  try {
    // The static libraries are of no use to a server.
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true, filter: (source) => !source.endsWith('.a') });
    chmodSync(draft, 0o755);
    for (const entry of readdirSync(draft, { recursive: true, withFileTypes: true })) {
      if (!entry.isSymbolicLink()) chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
    }
    repairPackage(draft);
    renameSync(draft, target);
  } catch (error) {
    // When it exists now, another process was faster, and its copy is as good.
    if (!existsSync(target)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Anyone may create files in the temporary directory: run nothing that others could have put there. */
function checkOurs(directory: string): void {
  if (!process.geteuid) return;
  const { uid, mode } = lstatSync(directory);
  if (uid === process.geteuid() && (mode & 0o022) === 0) return;
  throw new EmbeddedPostgresError(`${directory} isn't a directory that only we can write to. Delete it.`);
}
