import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { spawnTs } from '../../test/support/run-ts.js';
import type { Answer, InstanceOptions, Request } from './instance-protocol.js';

const INSTANCE = new URL('./instance.ts', import.meta.url);

/** An instance in a process of its own, which does one thing at a time. */
export class InstanceProcess {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(options: InstanceOptions): Promise<InstanceProcess> {
    const child = spawnTs(INSTANCE, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const { listening } = (await answerOf(child)) as { listening: number };
    return new InstanceProcess(child, `http://127.0.0.1:${listening}`);
  }

  /** Milliseconds that each `notify()` took. */
  async send(request: Extract<Request, { do: 'send' | 'burst' }>): Promise<number[]> {
    return ((await this.ask(request)) as { sent: number[] }).sent;
  }

  /** CPU time used so far, in milliseconds. */
  async cpuMs(): Promise<number> {
    return ((await this.ask({ do: 'usage' })) as { cpuMs: number }).cpuMs;
  }

  async end(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }

  private async ask(request: Request): Promise<Answer> {
    const answer = answerOf(this.child);
    this.child.send(request);
    return await answer;
  }
}

async function answerOf(child: ChildProcess): Promise<Answer> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('An instance ended by itself');
  });
  const [answer] = await Promise.race([once(child, 'message'), ended]);
  return answer as Answer;
}
