import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discardEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { ageOfRunMs, runToken } from './run-token.js';

const PATTERN = /^ncn-test-postgres-([0-9a-z]+)-/;
const LEFTOVER_AGE_MS = 10 * 60 * 1000;

/** A fresh directory for an embedded server, discarded at the end of the run if not before. */
export function newDataDir(): string {
  const path = join(tmpdir(), `ncn-test-postgres-${runToken()}-${randomBytes(4).toString('hex')}`);
  mkdirSync(path);
  return path;
}

export async function discardRunDataDirs(): Promise<void> {
  const mine = dataDirs((token) => token === runToken());
  await Promise.all(mine.map((path) => discardEmbeddedPostgres(path, { force: true })));
}

/** Those of killed runs. One that is still used stays, and so does one of another user: no reason to fail this run. */
export async function discardLeftoverDataDirs(): Promise<void> {
  const leftovers = dataDirs((token) => ageOfRunMs(token) > LEFTOVER_AGE_MS);
  await Promise.allSettled(leftovers.map((path) => discardEmbeddedPostgres(path)));
}

function dataDirs(isDue: (token: string) => boolean): string[] {
  return readdirSync(tmpdir())
    .filter((name) => {
      const token = PATTERN.exec(name)?.[1];
      return token !== undefined && isDue(token);
    })
    .map((name) => join(tmpdir(), name));
}
