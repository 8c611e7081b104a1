import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** `pgbench (PostgreSQL) 15.1`, or undefined where there is none on the PATH. */
export function pgbenchVersion(): string | undefined {
  try {
    return execFileSync('pgbench', ['--version'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** Runs one script again and again on so many connections. @returns how many transactions it committed a second. */
export async function pgbench(
  script: string,
  { url, clients, seconds }: { url: string; clients: number; seconds: number },
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    const file = join(directory, 'script.sql');
    await writeFile(file, script);
    // One thread: pgbench is to take as little of the machine as it can.
    const load = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', String(seconds)];
    const { stdout } = await promisify(execFile)('pgbench', [...load, '-f', file, url]);
    const failed = Number(/number of failed transactions: (\d+)/.exec(stdout)?.[1] ?? 0);
    const perSecond = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]);
    if (failed > 0 || !(perSecond > 0)) throw new Error(`pgbench has failed:\n${stdout}`);
    return perSecond;
  } finally {
    await rm(directory, { recursive: true });
  }
}
