import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { Pacer } from '../../src/notifications/stream/pacer.js';

const MAX_PENDING = 100_000;

/** Frames on their way to a client whose kernel takes everything at once. */
class Greedy {
  readonly writes: string[] = [];
  private waiting = '';
  readonly output = new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => {
      this.writes.push(text);
      done();
    },
  });

  next(text: string): void {
    this.waiting += text;
  }

  flush(): void {
    this.output.write(this.waiting);
    this.waiting = '';
  }
}

function send(pacer: Pacer, outlet: Greedy, bytes: number): void {
  pacer.beforeWrite(bytes);
  outlet.next('x'.repeat(bytes));
}

test('one turn takes no more than maxPendingBytes, also where the kernel takes megabytes', async () => {
  const outlet = new Greedy();
  const pacer = new Pacer(outlet, MAX_PENDING);
  for (let turn = 0; turn < 3; turn++) {
    let sent = 0;
    while (pacer.takesMore && sent < 10 * MAX_PENDING) {
      send(pacer, outlet, 4_000);
      sent += 4_000;
    }
    expect(sent).toBeGreaterThanOrEqual(MAX_PENDING / 2);
    expect(sent).toBeLessThanOrEqual(MAX_PENDING);
    expect(pacer.isStalled).toBe(false);
    expect(await pacer.drained()).toBe(true);
  }
});

test('what is given in one turn leaves in one write, before the next turn', async () => {
  const outlet = new Greedy();
  const pacer = new Pacer(outlet, MAX_PENDING);
  const nextTurn = new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 3; i++) send(pacer, outlet, 10);
  expect(outlet.writes).toEqual([]);
  await pacer.drained();
  expect(outlet.writes).toEqual(['x'.repeat(30)]);
  send(pacer, outlet, 5);
  await nextTurn;
  expect(outlet.writes).toEqual(['x'.repeat(30), 'x'.repeat(5)]);
});

test('what is given just before the end is written', () => {
  const outlet = new Greedy();
  const pacer = new Pacer(outlet, MAX_PENDING);
  send(pacer, outlet, 10);
  pacer.close();
  expect(outlet.writes).toEqual(['x'.repeat(10)]);
});

test('what something else writes is corked as often as it is uncorked, whatever drains meanwhile', async () => {
  let take = () => {};
  const output = new Writable({
    highWaterMark: 10,
    write: (_chunk, _encoding, done) => {
      take = done;
    },
  });
  let corked = 0;
  const counting = Object.assign(output, {
    cork: () => void corked++,
    uncork: () => void corked--,
  });
  const pacer = new Pacer({ output: counting }, MAX_PENDING);
  for (let i = 0; i < 3; i++) {
    pacer.beforeWrite(100);
    expect(corked).toBe(1);
    output.write('x'.repeat(100));
    const drained = pacer.drained();
    await new Promise((resolve) => setImmediate(resolve));
    expect([corked, pacer.isStalled]).toEqual([0, true]);
    take();
    expect(await drained).toBe(true);
    expect(corked).toBe(0);
  }
});
