import { afterEach, beforeEach, jest } from '@jest/globals';

/** Each test has a clock of its own, which stands still unless the test moves it. Promises go on as always. */
export function useFakeTimers(): void {
  beforeEach(() => {
    jest.useFakeTimers({ now: 0, doNotFake: ['queueMicrotask', 'nextTick'] });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });
}

/** Lets everything happen that is due by then. */
export async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
}

/** What the client's jitter is multiplied with, from now on. */
export function fixJitter(value: number): void {
  jest.spyOn(Math, 'random').mockReturnValue(value);
}
