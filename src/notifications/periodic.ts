import { currentContext } from './own-context.js';
import { pause } from './pause.js';
import { MAX_TIMER_MS } from './timer-limit.js';

/** Runs a task again and again: never twice at once, at once when woken, and in its own context whoever wakes it. */
export class Periodic {
  private timer?: NodeJS.Timeout;
  private running?: Promise<void>;
  private again = false;
  private closed = false;
  private restsUntil = -Infinity;
  private readonly inOwnContext = currentContext();

  /**
   * @param task resolves to the milliseconds until it should run next; to anything else for `intervalMs`.
   * @param onError is told what the task rejected with; the task runs again after `intervalMs`.
   * @param restMs between two runs at least, also when woken.
   */
  constructor(
    private readonly intervalMs: number,
    private readonly task: () => Promise<unknown>,
    private readonly onError: (error: unknown) => void,
    private readonly restMs = 0,
  ) {}

  /** Starts with a pause of `delayMs`. @default intervalMs */
  start(delayMs = this.intervalMs): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.inOwnContext(() => this.wait(performance.now() + delayMs));
  }

  /** Runs the task now, or once more when the run under way has ended. */
  wake(): void {
    if (this.closed) return;
    this.again = true;
    this.running ??= this.inOwnContext(() => this.run());
  }

  /** Resolves when the run under way, if any, has ended. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
  }

  /** Wakes at this time. What is longer than a timer can be is waited for in parts. */
  private wait(until: number): void {
    const leftMs = until - performance.now();
    this.timer =
      leftMs > MAX_TIMER_MS
        ? setTimeout(() => this.wait(until), MAX_TIMER_MS)
        : setTimeout(() => this.wake(), Math.max(leftMs, 0));
    this.timer.unref();
  }

  private async run(): Promise<void> {
    clearTimeout(this.timer);
    let delayMs: number | undefined;
    while (this.again && !this.closed) {
      const restMs = this.restsUntil - performance.now();
      if (restMs > 0) {
        await pause(restMs);
        continue;
      }
      this.again = false;
      try {
        const result = await this.task();
        delayMs = typeof result === 'number' && result >= 0 ? result : undefined;
      } catch (error) {
        delayMs = undefined;
        this.onError(error);
      }
      this.restsUntil = performance.now() + this.restMs;
    }
    // In the turn that leaves the loop: a wake after it starts a run of its own.
    this.running = undefined;
    this.start(delayMs);
  }
}
