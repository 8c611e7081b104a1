import { readdirSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ageOfRunMs, runToken } from './run-token.js';

const PREFIX = 'ncn-test-run-';
const LEFTOVER_AGE_MS = 60 * 60 * 1000;

/** The directory for files that the workers of a run share; removed with all that is in it when the run ends. */
export async function runDirectory(): Promise<string> {
  const path = join(tmpdir(), PREFIX + runToken());
  await mkdir(path, { recursive: true });
  return path;
}

export async function discardRunDirectory(): Promise<void> {
  await rm(join(tmpdir(), PREFIX + runToken()), { recursive: true, force: true });
}

/** Those of killed runs. One of another user stays: no reason to fail this run. */
export async function discardLeftoverRunDirectories(): Promise<void> {
  const leftovers = readdirSync(tmpdir()).filter(
    (name) => name.startsWith(PREFIX) && ageOfRunMs(name.slice(PREFIX.length)) > LEFTOVER_AGE_MS,
  );
  await Promise.allSettled(leftovers.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })));
}
