import { setTimeout as sleep } from 'node:timers/promises';
import { withDatabase } from './bench-database.js';
import { LoadProcess } from './load-process.js';
import { benchPostgres } from './postgres.js';
import { cpuOfTree } from './process-usage.js';
import type { Setup } from './scenario.js';
import { ServerProcess } from './server-process.js';
import { subjectNamed } from './subjects.js';

/** One turn of one subject: its server and its clients, each in a process of their own. */
export interface Turn {
  server: ServerProcess;
  load: LoadProcess;
  /** Of the server's database; empty where it has none. */
  postgresUrl: string;
  /** What the work used of the processors. */
  usage(work: () => Promise<unknown>): Promise<Usage>;
}

/** Milliseconds; `server`, `load` and `postgres` of CPU time. */
interface Usage {
  wall: number;
  server: number;
  load: number;
  postgres: number;
}

const WARM_UP_CLIENTS = 500;

/** Starts a server and its load client, warms both up, and ends them in any case. @param name of the subject. */
export async function withTurn<T>(name: string, { library }: Setup, use: (turn: Turn) => Promise<T>): Promise<T> {
  const subject = subjectNamed(name);
  const postgres = await benchPostgres();
  const run = async (postgresUrl = '') => {
    const server = await ServerProcess.start(subject, subject.isOurs ? { postgresUrl, library } : undefined);
    const load = new LoadProcess();
    const usage = (work: () => Promise<unknown>) => measureUsage(server, load, postgres.pid as number, work);
    try {
      await warmUp(server, load, subject.settleMs);
      return await use({ server, load, postgresUrl, usage });
    } finally {
      await Promise.all([server.end(), load.end()]);
    }
  };
  return subject.isOurs ? await withDatabase(postgres.url, run) : await run();
}

async function measureUsage(
  server: ServerProcess,
  load: LoadProcess,
  postgresPid: number,
  work: () => Promise<unknown>,
): Promise<Usage> {
  const now = () => ({
    wall: performance.now(),
    server: server.cpuMs,
    load: load.cpuMs,
    postgres: cpuOfTree(postgresPid),
  });
  const before = now();
  await work();
  const after = now();
  const spent = (key: keyof Usage) => after[key] - before[key];
  return { wall: spent('wall'), server: spent('server'), load: spent('load'), postgres: spent('postgres') };
}

/** Compiled code, grown heaps and buffers: what a server has after its first minute, and not in its first second. */
async function warmUp(server: ServerProcess, load: LoadProcess, settleMs = 0): Promise<void> {
  const paths = await server.paths(WARM_UP_CLIENTS);
  for (let i = 0; i < 2; i++) {
    await load.connect(server, { paths, underWay: 50 });
    await server.send({ do: 'targeted', messages: 1_000, perSecond: 2_000, recipients: WARM_UP_CLIENTS });
    await load.expect(1_000);
    await server.send({ do: 'broadcast', messages: 2, perSecond: 10 });
    await load.expect(2 * WARM_UP_CLIENTS);
    await load.disconnect();
    await until(async () => (await server.connections()) === 0);
    await sleep(settleMs);
  }
}

/** Resolves once it holds. */
export async function until(holds: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`It has not come to that after ${timeoutMs} ms`);
    await sleep(20);
  }
}
