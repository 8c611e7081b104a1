import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 10;

/** Repeats the assertion until it passes, and returns its result; after `timeoutMs` rethrows its last error. */
export async function eventually<T>(assertion: () => T | Promise<T>, { timeoutMs = 5_000 } = {}): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await sleep(INTERVAL_MS);
  }
}
