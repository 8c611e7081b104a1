import { Writable } from 'node:stream';
import { afterEach, expect, jest, test } from '@jest/globals';
import { Pacer } from '../../src/notifications/stream/pacer.js';

const MAX_PENDING = 100_000;

afterEach(() => {
  jest.restoreAllMocks();
});

/** A client whose kernel takes everything at once. */
function greedy(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

function send(pacer: Pacer, output: Writable, bytes: number): void {
  pacer.beforeWrite(bytes);
  output.write('x'.repeat(bytes));
  pacer.afterWrite();
}

test('one turn takes no more than maxPendingBytes, also where frames are written at once and the kernel takes megabytes', async () => {
  const output = greedy();
  const pacer = new Pacer(output, MAX_PENDING, true);
  for (let turn = 0; turn < 3; turn++) {
    let sent = 0;
    while (pacer.takesMore && sent < 10 * MAX_PENDING) {
      send(pacer, output, 4_000);
      sent += 4_000;
    }
    expect(sent).toBeGreaterThanOrEqual(MAX_PENDING / 2);
    expect(sent).toBeLessThanOrEqual(MAX_PENDING);
    expect(pacer.isStalled).toBe(false);
    expect(await pacer.drained()).toBe(true);
  }
});

test('frames that are small, turn by turn, cost no look at the socket each', async () => {
  const output = greedy();
  const pacer = new Pacer(output, MAX_PENDING, true);
  const looks = jest.spyOn(globalThis, 'setImmediate');
  for (let frame = 0; frame < 500; frame++) {
    await Promise.resolve();
    expect(pacer.takesMore).toBe(true);
    send(pacer, output, 100);
    if (frame % 100 === 99) await pacer.drained();
  }
  expect(looks.mock.calls.length).toBeLessThanOrEqual(2);
});
