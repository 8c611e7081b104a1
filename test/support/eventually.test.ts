import { expect, test } from '@jest/globals';
import { eventually } from './eventually.js';

test('repeats the assertion until it passes, and returns its result', async () => {
  let calls = 0;
  const result = await eventually(async () => {
    calls += 1;
    expect(calls).toBe(3);
    return 'done';
  });
  expect(result).toBe('done');
});

test('rethrows the last error, whose stack names the failed line', async () => {
  let calls = 0;
  function failingAssertion(): void {
    throw new Error(`attempt ${++calls}`);
  }
  const error: Error = await eventually(failingAssertion, { timeoutMs: 50 }).then(
    () => new Error('passed'),
    (reason) => reason,
  );
  expect(error.message).toBe(`attempt ${calls}`);
  expect(calls).toBeGreaterThan(1);
  expect(error.stack).toContain('failingAssertion');
});
