import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InstanceOptions } from './instance/protocol.js';
import type { InstanceLog } from './instance-log.js';

/** A start that takes longer than this has failed. */
const START_MS = 30_000;
/** More than it ever needs here, and little enough that memory that grows without a bound ends it within a run. */
const HEAP_MB = 384;
/** An orchestrator kills what SIGTERM hasn't ended by then. */
const TERM_MS = 15_000;

export interface InstanceEvents {
  onFailedStart(): void;
  /** Nobody has asked it to. @param errors the end of what it logged. */
  onEndedByItself(code: number | null, errors: string): void;
  /**
   * @param ms how long it took to end after SIGTERM; Infinity if it was killed in the end.
   * @param hostMs how long the host's own transactions took. @param late what it waited for in the end.
   */
  onTerminated(ms: number, hostMs: number, late: string): void;
}

/** One instance of the CRM, started again whenever it ends, as a supervisor would. */
export class InstanceProcess {
  readonly url: string;
  private child?: ChildProcess;
  private busy?: Promise<void>;
  private readonly atExit = () => this.child?.kill('SIGKILL');

  constructor(
    private readonly entry: string,
    private readonly options: InstanceOptions,
    private readonly log: InstanceLog,
    private readonly events: InstanceEvents,
  ) {
    this.url = `http://127.0.0.1:${options.port}`;
    process.on('exit', this.atExit);
  }

  get isUp(): boolean {
    return this.child !== undefined && this.busy === undefined;
  }

  /** What it takes of the machine's memory; undefined where there is no /proc, or no process. */
  memoryMb(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.child?.pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1_024) || undefined;
    } catch {
      return undefined;
    }
  }

  /** Starts it, again and again until it is up: Postgres may be down meanwhile. */
  async start(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      if (await this.tryToStart()) return;
      this.events.onFailedStart();
      if (attempt === 60) throw new Error(`The instance at ${this.url} doesn't start`);
      await sleep(300);
    }
  }

  /** Ends it and starts it again after a pause; false if something like that is under way. */
  restart(signal: 'SIGKILL' | 'SIGTERM', pauseMs: number): Promise<void> | false {
    if (this.busy || !this.child) return false;
    this.busy = this.endAndStart(signal, pauseMs).finally(() => {
      this.busy = undefined;
    });
    return this.busy;
  }

  /** Waits for what is under way. */
  async settled(): Promise<void> {
    await this.busy;
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL');
    process.off('exit', this.atExit);
  }

  private async endAndStart(signal: 'SIGKILL' | 'SIGTERM', pauseMs: number): Promise<void> {
    await this.end(signal);
    await sleep(pauseMs);
    await this.start();
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const since = performance.now();
    const exited = once(child, 'exit');
    const closed = once(child, 'close');
    this.log.hostMs = 0;
    this.log.late = '';
    child.kill(signal);
    let heeded = true;
    const patience = setTimeout(() => {
      heeded = false;
      child.kill('SIGKILL');
    }, TERM_MS);
    await exited;
    clearTimeout(patience);
    const ms = heeded ? performance.now() - since : Infinity;
    await closed;
    if (signal === 'SIGTERM') this.events.onTerminated(ms, this.log.hostMs, this.log.late);
  }

  private async tryToStart(): Promise<boolean> {
    const args = [
      `--max-old-space-size=${HEAP_MB}`,
      '--enable-source-maps',
      '--no-warnings',
      this.entry,
      JSON.stringify(this.options),
    ];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    // It may die while we write or wait.
    child.stdin.on('error', () => undefined);
    let errors = '';
    let isUp = false;
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errors = (errors + chunk).slice(-2_000);
      // What a start says that fails while Postgres is down is no news.
      if (isUp) this.log.onOutput(chunk);
    });
    const patience = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const outcome = await Promise.race([
      once(child.stdout, 'data').then(() => 'up'),
      once(child, 'exit').then(() => 'ended'),
    ]);
    clearTimeout(patience);
    if (outcome === 'up') {
      isUp = true;
      child.once('exit', (code) => {
        if (this.child !== child) return;
        this.events.onEndedByItself(code, errors);
        this.restart('SIGKILL', 0);
      });
      return true;
    }
    if (process.env.CHAOS_DEBUG) process.stderr.write(`An instance did not start:\n${errors}\n`);
    return false;
  }
}
