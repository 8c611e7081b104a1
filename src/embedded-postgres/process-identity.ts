import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Names one process for good: a pid alone is handed to another process sooner or later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque start time; empty where the platform doesn't tell, then the pid alone decides. */
  readonly startedAt: string;
}

export interface RunningProcess extends ProcessIdentity {
  /** The command line, or undefined where the platform doesn't tell. */
  readonly command: string | undefined;
}

/** The process that has this pid now, or undefined when there is none or only a defunct (zombie) one. */
export function inspectProcess(pid: number): RunningProcess | undefined {
  if (process.platform === 'linux') return inspectByProcfs(pid);
  if (process.platform === 'win32') return exists(pid) ? { pid, startedAt: '', command: undefined } : undefined;
  return exists(pid) ? inspectByPs(pid) : undefined;
}

export function currentProcess(): ProcessIdentity {
  return { pid: process.pid, startedAt: inspectProcess(process.pid)?.startedAt ?? '' };
}

export function isRunning(identity: ProcessIdentity): boolean {
  return inspectProcess(identity.pid)?.startedAt === identity.startedAt;
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [pid, startedAt] = text.split('\n');
  return Number(pid) > 0 && startedAt !== undefined ? { pid: Number(pid), startedAt } : undefined;
}

export function formatIdentity(identity: ProcessIdentity): string {
  return `${identity.pid}\n${identity.startedAt}\n`;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function inspectByProcfs(pid: number): RunningProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name, which may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startedAt] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startedAt === undefined) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return { pid, startedAt, command };
  } catch {
    return undefined;
  }
}

function inspectByPs(pid: number): RunningProcess | undefined {
  try {
    const output = execFileSync('ps', ['-ww', '-o', 'stat=', '-o', 'lstart=', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const match = /^\s*(\S+)\s+((?:\S+\s+){4}\S+)\s+(.*)$/.exec(output.trimEnd());
    if (!match?.[1] || !match[2] || match[1].startsWith('Z')) return undefined;
    return { pid, startedAt: match[2].replaceAll(/\s+/g, ' '), command: match[3] };
  } catch {
    return undefined;
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
