import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { spawnTs } from '../support/run-ts.js';

const PROGRAM = new URL('./use-postgres.ts', import.meta.url);

export interface Started {
  url: string;
  port: number;
  pid: number;
}

/** A child process that uses an embedded Postgres. */
export class PostgresUser {
  readonly stderr: Promise<string>;
  private readonly ended: Promise<unknown>;

  private constructor(private readonly child: ChildProcess) {
    this.stderr = child.stderr ? text(child.stderr) : Promise.resolve('');
    this.ended = once(child, 'exit');
  }

  static spawn(
    dataDir: string,
    options: SpawnOptions & { program?: string | URL; settings?: object } = {},
  ): PostgresUser {
    const { program = PROGRAM, settings = {}, ...spawnOptions } = options;
    const args = [dataDir, JSON.stringify(settings)];
    return new PostgresUser(spawnTs(program, args, { stdio: ['pipe', 'pipe', 'pipe'], ...spawnOptions }));
  }

  /** What it got; rejects with its stderr when it ends without. */
  async started(): Promise<Started> {
    if (!this.child.stdout) throw new Error('stdout is not a pipe');
    for await (const line of createInterface({ input: this.child.stdout })) return JSON.parse(line);
    throw new Error(`The process ended before Postgres had started:\n${await this.stderr}`);
  }

  async stop(): Promise<void> {
    this.child.stdin?.write('stop\n');
    await this.ended;
  }

  async exit(): Promise<void> {
    this.child.stdin?.write('exit\n');
    await this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}
