import { describe, expect, jest, test } from '@jest/globals';
import { type Lane, Lanes } from '../../src/notifications/inbox/lanes.js';
import { pass, useFakeTimers } from '../client/support/fake-timers.js';
import { type Random, seeded } from '../support/random.js';

const LANES: Lane[] = ['streams', 'questions', 'background'];

/** What is under way in each lane, until it is told to end. */
class Traffic {
  readonly lanes: Lanes;
  readonly underWay: { lane: Lane; end: () => void }[] = [];
  readonly began: string[] = [];

  constructor(poolSize: number) {
    this.lanes = new Lanes(poolSize);
  }

  ask(lane: Lane, name: string = lane): Promise<void> {
    return this.lanes.run(lane, () => {
      this.began.push(name);
      return new Promise<void>((resolve) => {
        const one = {
          lane,
          end: () => {
            this.underWay.splice(this.underWay.indexOf(one), 1);
            resolve();
          },
        };
        this.underWay.push(one);
      });
    });
  }

  count(...lanes: Lane[]): number {
    return this.underWay.filter(({ lane }) => lanes.includes(lane)).length;
  }

  /** Lets one of them end, and others begin. */
  async end(index = 0): Promise<void> {
    this.underWay[index]?.end();
    await settled();
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test.each([
  { poolSize: 10, streams: 9, questions: 8, background: 7 },
  { poolSize: 4, streams: 3, questions: 2, background: 1 },
  { poolSize: 3, streams: 2, questions: 1, background: 1 },
  { poolSize: 2, streams: 1, questions: 1, background: 1 },
  { poolSize: 1, streams: 1, questions: 1, background: 1 },
])('of $poolSize connections streams, questions and background work leave what is not theirs', async (expected) => {
  const all: Promise<void>[] = [];
  for (const lane of LANES) {
    const traffic = new Traffic(expected.poolSize);
    for (let i = 0; i < 30; i++) all.push(traffic.ask(lane));
    await settled();
    expect(traffic.underWay).toHaveLength(expected[lane]);
    while (traffic.underWay.length > 0) await traffic.end();
    expect(traffic.began).toHaveLength(30);
  }
  await Promise.all(all);
});

test('however many questions wait, a stream goes before them, and background work too', async () => {
  const traffic = new Traffic(2);
  const all = Array.from({ length: 3 }, (_, n) => traffic.ask('questions', `question ${n}`));
  all.push(traffic.ask('background'), traffic.ask('streams'));
  for (let i = 0; i < 5; i++) {
    await settled();
    await traffic.end();
  }
  expect(traffic.began).toEqual(['question 0', 'streams', 'background', 'question 1', 'question 2']);
  await Promise.all(all);
});

test('background work that goes on and on lets questions through', async () => {
  const traffic = new Traffic(1);
  const purge = (async () => {
    for (let i = 0; i < 5; i++) await traffic.ask('background');
  })();
  const all = Array.from({ length: 5 }, () => traffic.ask('questions'));
  for (let i = 0; i < 10; i++) {
    await settled();
    await traffic.end();
  }
  await Promise.all([purge, ...all]);
  // The next statement of the purge is asked for when the one before has ended: a question goes in between.
  expect(traffic.began.slice(0, 4)).toEqual(['background', 'questions', 'background', 'questions']);
});

test('work that fails, at once or later, gives its place back', async () => {
  const lanes = new Lanes(1);
  const fail = () => {
    throw new Error('at once');
  };
  await expect(lanes.run('questions', fail)).rejects.toThrow('at once');
  await expect(lanes.run('questions', async () => fail())).rejects.toThrow('at once');
  expect(await lanes.run('streams', async () => 'done')).toBe('done');
});

test('whatever is asked and ends in whatever order: no lane has too much, and nothing that could run waits', async () => {
  await seeded(async (random: Random) => {
    for (const poolSize of [1, 2, 3, 4, 7]) {
      const traffic = new Traffic(poolSize);
      const limit = (index: number) => Math.max(1, poolSize - 1 - index);
      const all: Promise<void>[] = [];
      const asked = { streams: 0, questions: 0, background: 0 };
      for (let i = 0; i < 300; i++) {
        if (random.chance(0.5)) {
          const lane = random.pick(LANES);
          asked[lane] += 1;
          all.push(traffic.ask(lane));
          await settled();
        } else await traffic.end(random.between(0, Math.max(0, traffic.underWay.length - 1)));
        const used = LANES.map((_, index) => traffic.count(...LANES.slice(index)));
        for (const [index, count] of used.entries()) expect(count).toBeLessThanOrEqual(limit(index));
        for (const [index, lane] of LANES.entries()) {
          const began = traffic.began.filter((name) => name === lane).length;
          const isFull = used.slice(0, index + 1).some((count, at) => count >= limit(at));
          if (began < asked[lane]) expect(isFull).toBe(true);
        }
      }
      while (traffic.underWay.length > 0) await traffic.end();
      await Promise.all(all);
    }
  });
});

describe('While Postgres says nothing', () => {
  useFakeTimers();

  test('whoever has waited ten seconds for a lane is refused, and what it asked for is never done', async () => {
    const traffic = new Traffic(1);
    const running = traffic.ask('questions', 'silent');
    const outcomes = LANES.map((lane) => rejection(traffic.ask(lane, `late ${lane}`)));
    await pass(9_999);
    const patient = traffic.ask('questions', 'patient');
    await pass(1);
    expect(await Promise.all(outcomes)).toEqual(LANES.map(() => 'OVERLOADED'));
    traffic.underWay[0]?.end();
    await pass(0);
    expect(traffic.began).toEqual(['silent', 'patient']);
    traffic.underWay[0]?.end();
    await Promise.all([running, patient]);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('ten thousand wait for a lane, one more is refused at once; other lanes have their own', async () => {
    const traffic = new Traffic(4);
    const outcomes = Array.from({ length: 10_002 }, () => rejection(traffic.ask('questions')));
    expect(await rejection(traffic.ask('questions'))).toBe('OVERLOADED');
    void traffic.ask('streams', 'stream');
    await pass(0);
    expect(traffic.began).toEqual(['questions', 'questions', 'stream']);
    await pass(10_000);
    expect(new Set(await Promise.all(outcomes.slice(2)))).toEqual(new Set(['OVERLOADED']));
  });
});

function rejection(call: Promise<unknown>): Promise<string | undefined> {
  return call.then(
    () => undefined,
    ({ code }) => code,
  );
}
