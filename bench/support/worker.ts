import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { spawnTs } from '../../test/support/run-ts.js';

/** What a worker can do. Arguments and answers travel over IPC as JSON. */
// biome-ignore lint/suspicious/noExplicitAny: each task has an argument of its own.
export type Tasks = Record<string, (argument: any) => Promise<unknown>>;

type Answer = { ready: true } | { result: unknown } | { failed: string };

/** A process of its own that does one task at a time, so that what is measured shares no event loop with what measures. */
export class Worker<T extends Tasks> {
  private constructor(private readonly child: ChildProcess) {}

  /** @param file calls `serve()` with `options`, which it is given as JSON on its command line. */
  static async start<T extends Tasks>(file: URL, options: object): Promise<Worker<T>> {
    const child = spawnTs(file, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await answerOf(child);
    return new Worker<T>(child);
  }

  async ask<K extends keyof T & string>(task: K, argument: Parameters<T[K]>[0]): Promise<Awaited<ReturnType<T[K]>>> {
    const answer = answerOf(this.child);
    this.child.send({ task, argument });
    return (await answer) as Awaited<ReturnType<T[K]>>;
  }

  async end(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }
}

/** In the worker: what it was started with. */
export function workerOptions<O>(): O {
  return JSON.parse(process.argv[2] ?? '');
}

/** In the worker: does what it is asked, until whoever started it goes away. */
export function serve(tasks: Tasks): void {
  const answer = (message: Answer) => process.send?.(message);
  process.on('message', ({ task, argument }: { task: string; argument: unknown }) => {
    const work = tasks[task] as Tasks[string];
    work(argument).then(
      (result) => answer({ result }),
      (error: Error) => answer({ failed: String(error.stack) }),
    );
  });
  process.once('disconnect', () => process.exit(0));
  answer({ ready: true });
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(() => {
    throw new Error('A worker ended by itself');
  });
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Answer];
  if ('failed' in answer) throw new Error(answer.failed);
  return 'result' in answer ? answer.result : undefined;
}
