import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from './instance-protocol.js';

/** How much was done, and how long it took. */
export interface Work {
  calls: number;
  ms: number;
}

/** So many callers, each of which calls again as soon as it has been answered. */
export async function callAgainAndAgain(
  { callers, seconds }: { callers: number; seconds: number },
  call: (n: number) => Promise<unknown>,
): Promise<Work> {
  const began = performance.now();
  const end = began + seconds * 1_000;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < end) await call(calls++);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  return { calls, ms: performance.now() - began };
}

/** At a steady rate, however long each takes. @returns how many milliseconds each took. */
export async function callAtRate(
  { perSecond, seconds }: { perSecond: number; seconds: number },
  call: (n: number) => Promise<unknown>,
): Promise<number[]> {
  const calls = perSecond * seconds;
  const began = performance.now();
  const pending: Promise<number>[] = [];
  const timed = async (n: number) => {
    const calledAt = monotonicMs();
    await call(n);
    return monotonicMs() - calledAt;
  };
  while (pending.length < calls) {
    const due = Math.min(calls, Math.floor(((performance.now() - began) * perSecond) / 1_000) + 1);
    while (pending.length < due) pending.push(timed(pending.length));
    await sleep(1);
  }
  return await Promise.all(pending);
}
