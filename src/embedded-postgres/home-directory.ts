import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Account, canReach, unprivilegedAccount } from './account.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';

/** The directory in which one embedded Postgres keeps everything, and the account it runs as. */
export interface HomeDirectory {
  readonly path: string;
  /** PGDATA. */
  readonly cluster: string;
  readonly log: string;
  readonly users: string;
  readonly lock: string;
  readonly account: Account | undefined;
  /** What the user should know about its place. */
  readonly notice: string | undefined;
}

const RELOCATION = 'relocated';

/**
 * Opens, or creates, the home of an embedded Postgres: `dataDir` itself, unless this process is root and the account
 * that Postgres runs as can't enter a directory above `dataDir` (a checkout below /root). Then the home is a directory
 * below /var/tmp, which the symbolic link `dataDir/relocated` names from then on: the data survives as long as both do,
 * and deleting `dataDir` still means starting afresh.
 */
export function openHome(dataDir: string): HomeDirectory {
  const given = makeWritable(dataDir);
  const account = unprivilegedAccount(join(given, 'cluster'));
  const link = join(given, RELOCATION);
  if (!account || (canReach(given, account) && !existsLink(link))) return layout(given, account);

  const path = followRelocation(link, account);
  const notice = `uid ${account.uid}, as which Postgres runs, can't enter ${given}; its data is in ${path}`;
  return layout(path, unprivilegedAccount(join(path, 'cluster')), notice);
}

function layout(path: string, account: Account | undefined, notice?: string): HomeDirectory {
  return {
    path,
    cluster: join(path, 'cluster'),
    log: join(path, 'postgres.log'),
    users: join(path, 'users'),
    lock: join(path, 'lock'),
    account,
    notice,
  };
}

function makeWritable(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK);
    // Entering isn't reading: the cluster below stays closed to all but its owner.
    if (process.geteuid?.() === 0) chmodSync(dataDir, statSync(dataDir).mode | 0o111);
    return realpathSync(dataDir);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `Can't write to ${dataDir}: ${(cause as Error).message}. ` +
        'It may belong to another user (was it created by root?); delete it, change its owner, or name another one.',
      { cause },
    );
  }
}

/** The link is the truth; creating it is atomic, so that two processes agree on one place. */
function followRelocation(link: string, account: Account): string {
  if (!existsLink(link)) {
    const directory = mkdtempSync(join(shelter(account), 'embedded-postgres-'));
    try {
      symlinkSync(directory, link);
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  const path = readlinkSync(link);
  if (!existsSync(path)) mkdirSync(path);
  // Anyone may create files in /var/tmp: trust nothing that isn't ours.
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== process.geteuid?.()) {
    throw new EmbeddedPostgresError(`${link} names ${path}, which isn't a directory of ours. Delete ${link}.`);
  }
  chmodSync(path, 0o711);
  return path;
}

function shelter(account: Account): string {
  const found = ['/var/tmp', tmpdir(), '/tmp'].find((path) => existsSync(path) && canReach(path, account));
  if (found) return realpathSync(found);
  throw new EmbeddedPostgresError(
    `uid ${account.uid}, as which Postgres runs, can enter neither the data directory nor /var/tmp nor ${tmpdir()}. ` +
      'Name a data directory that it can reach, or set DATABASE_URL to use a server of your own.',
  );
}

function existsLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
