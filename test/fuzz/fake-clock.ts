interface Timer {
  at: number;
  callback: () => void;
  everyMs?: number;
}

const REAL = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  queueMicrotask: globalThis.queueMicrotask,
};
/** More than that in one go is a loop that never ends. */
const MAX_TIMERS = 1_000;

/**
 * A clock that stands still unless it is moved, in Jest as in `npm run fuzz`. As in a browser, a timer that is to wait for
 * more than 2^31 - 1 ms fires at once. Keeps what is thrown in timers and microtasks, where nobody could catch it.
 */
export class FakeClock {
  readonly errors: unknown[] = [];
  private now = 1_700_000_000_000;
  private nextId = 1;
  private readonly timers = new Map<number, Timer>();
  private readonly realNow = Date.now;

  constructor() {
    const start = (callback: () => void, ms = 0, repeats = false) => {
      const delay = ms >= 1 && ms <= 2 ** 31 - 1 ? ms : 1;
      this.timers.set(this.nextId, { at: this.now + delay, callback, everyMs: repeats ? delay : undefined });
      return this.nextId++;
    };
    const stop = (id?: number) => void this.timers.delete(id as number);
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, ms?: number) => start(callback, ms),
      setInterval: (callback: () => void, ms?: number) => start(callback, ms, true),
      clearTimeout: stop,
      clearInterval: stop,
      queueMicrotask: (callback: () => void) => REAL.queueMicrotask(() => this.call(callback)),
    });
    Date.now = () => this.now;
  }

  /** Timers that would still fire. */
  get pending(): number {
    return this.timers.size;
  }

  /** Lets everything happen that is due by then. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await settle();
    for (let fired = 0; ; fired++) {
      const [next] = [...this.timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at);
      if (!next) break;
      if (fired > MAX_TIMERS) throw new Error('timers without end');
      const [id, timer] = next;
      this.now = Math.max(this.now, timer.at);
      if (timer.everyMs === undefined) this.timers.delete(id);
      else timer.at += timer.everyMs;
      this.call(timer.callback);
      await settle();
    }
    this.now = until;
  }

  restore(): void {
    Object.assign(globalThis, REAL);
    Date.now = this.realNow;
  }

  private call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.errors.push(error);
    }
  }
}

/** Promises of `fetch` and what follows them. */
async function settle(): Promise<void> {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
}
