import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Build, buildInstance } from './build.js';

/**
 * What runs in production while this version is rolled out. It has the faults that this one mends, so little is asked
 * of it: it need not end in time nor answer in time, what it logs is not read, nobody pipelines to it, streams of it may
 * carry forged signals, no message that is refused for a time is sent through it, and triggers let it pass.
 */
const COMMIT = '69e8bc1';
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** @returns undefined where git doesn't know it, as in a copy without history: then there is nothing to run. */
export function buildVersionBefore(): Build | undefined {
  const source = mkdtempSync(join(tmpdir(), 'chaos-before-'));
  try {
    const archive = join(source, 'archive.tar');
    mkdirSync(join(source, 'tree'));
    execFileSync('git', ['archive', '-o', archive, COMMIT, 'src/notifications'], { cwd: ROOT, stdio: 'pipe' });
    execFileSync('tar', ['-xf', archive, '-C', join(source, 'tree')], { stdio: 'pipe' });
    return buildInstance([], join(source, 'tree'));
  } catch (error) {
    const [reason] = String((error as { stderr?: Buffer }).stderr || (error as Error).message)
      .trim()
      .split('\n');
    console.warn(`WITHOUT an instance of the version before: commit ${COMMIT} is not to be had (${reason}).`);
    return undefined;
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}
