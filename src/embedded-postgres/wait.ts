import { setTimeout as sleep } from 'node:timers/promises';

const POLL_INTERVAL_MS = 5;

/** Polls until `probe` returns something other than undefined; undefined when `timeoutMs` have passed. */
export async function waitFor<T>(probe: () => T | undefined, timeoutMs: number): Promise<T | undefined> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = probe();
    if (result !== undefined || performance.now() > deadline) return result;
    await sleep(POLL_INTERVAL_MS);
  }
}

/** The same for process 'exit' handlers, in which nothing asynchronous runs any more: blocks the thread. */
export function waitForSync<T>(probe: () => T | undefined, timeoutMs: number): T | undefined {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = probe();
    if (result !== undefined || performance.now() > deadline) return result;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_INTERVAL_MS);
  }
}
