import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { currentProcess, formatIdentity, isRunning, parseIdentity } from './process-identity.js';

/** The entry of one user of the server. */
export interface Registration {
  remove(): void;
}

/**
 * Who uses the server: one file per `startEmbeddedPostgres()` that isn't stopped yet. Files of killed processes don't
 * count. Add and count under the lock; removing needs none.
 */
export class Users {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  add(): Registration {
    const path = join(this.directory, `${process.pid}-${randomBytes(6).toString('hex')}`);
    writeFileSync(path, formatIdentity(currentProcess()));
    return { remove: () => rmSync(path, { force: true }) };
  }

  /** Counts the registrations of running processes and deletes those of dead ones. */
  count(): number {
    let count = 0;
    for (const name of readdirSync(this.directory)) {
      const path = join(this.directory, name);
      const identity = parseIdentity(read(path));
      if (identity && isRunning(identity)) count += 1;
      else rmSync(path, { force: true });
    }
    return count;
  }
}

/** Empty when the user has removed it in the meantime. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
