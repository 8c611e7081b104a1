import { spawnSync } from 'node:child_process';
import { chownSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectProcess } from './process-identity.js';
import { waitFor, waitForSync } from './wait.js';

/** A running server process, as its `postmaster.pid` describes it. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping` … */
  readonly status: string;
}

/**
 * How to shut down: `fast` ends the sessions and writes a checkpoint, `immediate` is a crash from which the next start
 * recovers.
 */
export type ShutdownMode = 'fast' | 'immediate';

const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** The server that runs on this cluster, or undefined. */
export function findPostmaster(cluster: string): Postmaster | undefined {
  const lines = readPidFile(cluster);
  const pid = Number(lines?.[0]);
  if (!lines || !(pid > 0) || !isPostmasterOf(cluster, pid)) return undefined;
  return { pid, port: Number(lines[3]), status: lines[7]?.trim() ?? 'starting' };
}

/**
 * Postgres takes any live process with the pid of `postmaster.pid`, even a defunct one, for a running server and
 * refuses to start. Call when no server runs. Only the pid is made void: with the rest of the file Postgres still
 * checks that no child of the dead server is attached to its shared memory.
 */
export function voidStalePid(cluster: string): void {
  const lines = readPidFile(cluster);
  if (!lines) return;
  const path = pidFile(cluster);
  const { uid, gid } = statSync(path);
  writeFileSync(`${path}.void`, [NO_PROCESS, ...lines.slice(1)].join('\n'));
  if (process.geteuid?.() === 0) chownSync(`${path}.void`, uid, gid);
  renameSync(`${path}.void`, path);
}

/** Greater than any pid that a kernel hands out. */
const NO_PROCESS = 2 ** 31 - 2;

export async function waitUntilGone(cluster: string, pid: number, timeoutMs: number): Promise<boolean> {
  return (await waitFor(() => (isPostmasterOf(cluster, pid) ? undefined : true), timeoutMs)) ?? false;
}

export function waitUntilGoneSync(cluster: string, pid: number, timeoutMs: number): boolean {
  return waitForSync(() => (isPostmasterOf(cluster, pid) ? undefined : true), timeoutMs) ?? false;
}

/** Only asks for it. */
export function requestShutdown(pid: number, mode: ShutdownMode, pgCtl: string): void {
  // Node's process.kill() would end the process without notice on Windows.
  if (process.platform === 'win32') {
    spawnSync(pgCtl, ['kill', SIGNALS[mode].slice('SIG'.length), String(pid)], { windowsHide: true });
    return;
  }
  try {
    process.kill(pid, SIGNALS[mode]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function isPostmasterOf(cluster: string, pid: number): boolean {
  const found = inspectProcess(pid);
  return found !== undefined && (found.command === undefined || found.command.includes(`-D ${cluster} `));
}

/** https://www.postgresql.org/docs/18/storage-file-layout.html; the lines are those of `LOCK_FILE_LINE_*` in pidfile.h */
function readPidFile(cluster: string): string[] | undefined {
  try {
    return readFileSync(pidFile(cluster), 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function pidFile(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}
