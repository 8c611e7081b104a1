import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { spawnTs } from '../../test/support/run-ts.js';

/** A process of a measurement, which does one thing at a time and speaks IPC. */
export class Child<Request, Answer extends object> {
  private constructor(private readonly process: ChildProcess) {}

  static start<Request, Answer extends object>(
    file: URL,
    args: string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Child<Request, Answer> {
    const options = { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] as const, env: { ...process.env, ...env } };
    return new Child(spawnTs(file, args, { ...options, stdio: [...options.stdio] }));
  }

  get pid(): number {
    return this.process.pid as number;
  }

  /** @throws what it says has failed, or that it has ended. */
  async ask<A extends Exclude<Answer, { failed: string }>>(request: Request): Promise<A> {
    const answer = this.next<A>();
    this.process.send(request as object);
    return await answer;
  }

  /** What it says next, unasked. */
  async next<A extends object>(): Promise<A> {
    const { process } = this;
    return await new Promise<A>((resolve, reject) => {
      const settle = () => process.off('message', onMessage).off('exit', onExit);
      const onMessage = (answer: object) => {
        settle();
        if ('failed' in answer) reject(new Error(String(answer.failed)));
        else resolve(answer as A);
      };
      const onExit = () => {
        settle();
        reject(new Error('A process of the measurement has ended by itself'));
      };
      process.on('message', onMessage).on('exit', onExit);
    });
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exited;
  }
}
