import { readdirSync, readFileSync } from 'node:fs';

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: in hundredths of a second on every Linux. */
const TICK_MS = 10;

/** CPU time that a process and all below it have used, those that ended included, in milliseconds. Linux only. */
export function cpuOfTree(pid: number): number {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => statOf(name));
  const total = (parent: (typeof stats)[number]): number =>
    parent.ms + stats.filter((stat) => stat.parent === parent.pid).reduce((sum, child) => sum + total(child), 0);
  const root = stats.find((stat) => stat.pid === pid);
  if (!root) throw new Error(`There is no process ${pid}`);
  return total(root);
}

/**
 * CPU time of one process' threads, in milliseconds, to the nanosecond: the scheduler's own count. Linux only.
 *
 * https://docs.kernel.org/scheduler/sched-stats.html
 */
export function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
  return threads.reduce((sum, file) => sum + Number(readFileSync(file, 'utf8').split(' ')[0]) / 1e6, 0);
}

/** Memory of a process that is in RAM, in KB. Linux only. */
export function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function statOf(name: string): { pid: number; parent: number; ms: number }[] {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'utf8');
    // The name of the program, in parentheses, may hold anything.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    // Of those that have ended; of the others the scheduler knows more than these steps of 10 ms.
    const [cutime, cstime] = fields.slice(13, 15) as [number, number];
    const pid = Number(name);
    return [{ pid, parent: fields[1] as number, ms: cpuOf(pid) + (cutime + cstime) * TICK_MS }];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}
