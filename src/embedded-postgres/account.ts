import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';

/** The operating system user that Postgres runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];

/**
 * Postgres refuses to run as root; then it runs as the owner of its existing files, else as `postgres`, else `nobody`.
 * Undefined when this process isn't root: Postgres then runs as the same user.
 */
export function unprivilegedAccount(clusterDir: string): Account | undefined {
  const self = process.geteuid?.();
  if (self === undefined) return undefined;
  const owner = statSync(clusterDir, { throwIfNoEntry: false });
  if (self !== 0) {
    if (!owner || owner.uid === self) return undefined;
    throw new EmbeddedPostgresError(
      `The database cluster ${clusterDir} belongs to uid ${owner.uid}, but this process runs as uid ${self}. ` +
        'Run as that user or as root, or delete it if its data may be lost.',
    );
  }
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };

  const passwd = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of CANDIDATES) {
    const entry = passwd.find((fields) => fields[0] === name);
    if (entry) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new EmbeddedPostgresError(
    `Postgres refuses to run as root, and /etc/passwd has none of the users ${CANDIDATES.join(', ')} to run it as. ` +
      'Create one of them, run as another user, or set DATABASE_URL to use a server of your own.',
  );
}

/** Whether the account may enter the directory and all directories above it, by their permission bits. */
export function canReach(directory: string, account: Account): boolean {
  for (let path = realpathSync(directory); ; path = dirname(path)) {
    const { uid, gid, mode } = statSync(path);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
