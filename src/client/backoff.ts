/** The longest that an attempt waits for the next, unless the server asks for more. */
const MAX_DELAY_MS = 60_000;

/**
 * Attempts that come later each time, at a random moment before a growing limit: clients that were cut off together
 * don't return together ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export class Backoff {
  /** The limit of the first wait: the server's reconnection time, once it has told one. */
  baseMs = 3_000;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  readonly #attempt: () => void;

  constructor(attempt: () => void) {
    this.#attempt = attempt;
  }

  get isWaiting(): boolean {
    return !!this.#timer;
  }

  /** It failed: tries again, later than the last time. */
  again(): void {
    const base = Math.max(this.baseMs, 1_000);
    const limit = Math.max(base, Math.min(MAX_DELAY_MS, base * 2 ** this.#failures++));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.now(), Math.random() * limit);
  }

  /** Tries without waiting any longer. */
  now(): void {
    this.cancel();
    this.#attempt();
  }

  succeeded(): void {
    this.#failures = 0;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
