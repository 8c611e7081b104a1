import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { eventually } from '../support/eventually.js';
import { spawnTs } from '../support/run-ts.js';

const MAIN = new URL('../../src/demo/main.ts', import.meta.url);

/** About a second is the promise; the machine may be busy. */
const MAX_SHUTDOWN_MS = 15_000;

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The demo as `npm start` runs it: a process of its own, with a terminal to type into. */
export class DemoProcess {
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ending>;

  private constructor(private readonly child: ChildProcess) {
    collect(child.stdout, (text) => {
      this.stdout += text;
    });
    collect(child.stderr, (text) => {
      this.stderr += text;
    });
    this.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  /** @param env where Postgres is: DATABASE_URL or DATA_DIR. PORT is any free one unless given. */
  static spawn(env: Record<string, string>): DemoProcess {
    const { DATABASE_URL, DATA_DIR, PORT, BROKER, REDIS_URL, NATS_URL, ...rest } = process.env;
    return new DemoProcess(spawnTs(MAIN, [], { env: { ...rest, PORT: '0', ...env }, stdio: ['pipe', 'pipe', 'pipe'] }));
  }

  /** Spawns it, and resolves when it has printed its address. */
  static async start(env: Record<string, string>): Promise<DemoProcess> {
    const demo = DemoProcess.spawn(env);
    const started = eventually(() => demo.url, { timeoutMs: 100_000 });
    await Promise.race([started, demo.ended.then(() => demo.url)]);
    return demo;
  }

  /** The address that it printed. */
  get url(): string {
    const [url] = /http:\/\/localhost:\d+/.exec(this.stdout) ?? [];
    if (url) return url;
    throw new Error(`The demo has printed no address. stdout: ${this.stdout} stderr: ${this.stderr}`);
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  endInput(): void {
    this.child.stdin?.end();
  }

  /** Sends a signal and resolves when the process is gone. One that stays is killed: its ending tells by SIGKILL. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ending> {
    this.child.kill(signal);
    const deadline = setTimeout(() => this.child.kill('SIGKILL'), MAX_SHUTDOWN_MS);
    const ending = await this.ended;
    clearTimeout(deadline);
    return ending;
  }
}

function collect(output: Readable | null, add: (text: string) => void): void {
  output?.setEncoding('utf8').on('data', add);
}
