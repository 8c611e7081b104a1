import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { InboxStore } from '../../src/notifications/inbox/inbox.store.js';
import { resolveOptions } from '../../src/notifications/resolve-options.js';
import { Heartbeat } from '../../src/notifications/stream/heartbeat.js';
import { Hub } from '../../src/notifications/stream/hub.js';
import { Collected } from '../support/stream-parts.js';

const EVERY_MS = 20_000;
const MANY = 300;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
});

afterEach(() => {
  jest.useRealTimers();
});

describe('A heartbeat', () => {
  let heartbeat: Heartbeat;

  beforeEach(() => {
    heartbeat = new Heartbeat(EVERY_MS);
  });

  afterEach(() => {
    heartbeat.close();
  });

  test('comes to each connection every EVERY_MS, up to a quarter early, and spreads them', () => {
    const ticks = Array.from({ length: MANY }, () => [Date.now()]);
    for (const times of ticks) heartbeat.add({ tick: (now) => void times.push(now) });
    const perTurn = new Map<number, number>();
    jest.advanceTimersByTime(20 * EVERY_MS);
    for (const times of ticks) {
      // The first comes anywhere within one.
      expect((times[1] as number) - (times[0] as number)).toBeLessThanOrEqual(EVERY_MS);
      const pauses = times.slice(2).map((time, i) => time - (times[i + 1] as number));
      expect(pauses.length).toBeGreaterThanOrEqual(18);
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual((EVERY_MS * 3) / 4);
      expect(Math.max(...pauses)).toBeLessThanOrEqual(EVERY_MS);
      expect(new Set(pauses).size).toBeGreaterThan(1);
      for (const time of times) perTurn.set(time, (perTurn.get(time) ?? 0) + 1);
    }
    // Those that came together: all of them in the first turn, never again nearly as many.
    const [, ...later] = [...perTurn.values()];
    expect(Math.max(...later)).toBeLessThan(MANY / 4);
  });

  test('comes no more to one that has left, even in the turn in which it leaves, nor after its end', () => {
    let ticks = 0;
    const leaving = {
      tick: () => {
        heartbeat.delete(leaving);
        ticks += 1;
      },
    };
    heartbeat.add(leaving);
    const staying = {
      tick: () => {
        ticks += 1;
      },
    };
    heartbeat.add(staying);
    heartbeat.delete(staying);
    heartbeat.delete(staying);
    jest.advanceTimersByTime(5 * EVERY_MS);
    expect(ticks).toBe(1);
    heartbeat.add(staying);
    heartbeat.close();
    jest.advanceTimersByTime(5 * EVERY_MS);
    expect(ticks).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });
});

test('a session that ends at any time, between two heartbeats or before the first, ends its stream then', () => {
  // Postgres never answers: no matter.
  const store = { read: () => new Promise(() => {}) } as unknown as InboxStore;
  const hub = new Hub(store, { ...resolveOptions({ heartbeatMs: EVERY_MS }), sweepMs: 2 ** 30 }, () => {});
  const began = Date.now();
  const stepMs = EVERY_MS / 160;
  const streams = Array.from({ length: MANY }, (_, i) => {
    const stream = new Collected();
    // From a hundredth of a heartbeat to six of them.
    const expiresAt = new Date(began + Math.round((EVERY_MS * (i + 0.5)) / 50));
    hub.connect({ tenant: '', recipient: `person ${i}` }, { ...stream.sink, expiresAt });
    return { stream, expiresAt };
  });
  while (Date.now() < began + 7 * EVERY_MS) {
    jest.advanceTimersByTime(stepMs);
    const wrong = streams.filter(({ stream, expiresAt }) => stream.completed !== expiresAt.getTime() <= Date.now());
    expect(wrong).toEqual([]);
  }
  expect(streams.every(({ stream }) => stream.frames.at(-1)?.data.includes('"reason":"expired"'))).toBe(true);
  expect(hub.connections()).toBe(0);
});

test('few sessions have a timer of their own at a time: those that end within two heartbeats', () => {
  const store = { read: () => new Promise(() => {}) } as unknown as InboxStore;
  const hub = new Hub(store, { ...resolveOptions({ heartbeatMs: EVERY_MS }), sweepMs: 2 ** 30 }, () => {});
  const before = jest.getTimerCount();
  for (let i = 0; i < MANY; i++) {
    const expiresAt = new Date(Date.now() + 3 * EVERY_MS);
    hub.connect({ tenant: '', recipient: `person ${i}` }, { ...new Collected().sink, expiresAt });
  }
  expect(jest.getTimerCount()).toBe(before);
  jest.advanceTimersByTime(2 * EVERY_MS);
  expect(jest.getTimerCount()).toBe(before + MANY);
  jest.advanceTimersByTime(EVERY_MS);
  expect(jest.getTimerCount()).toBe(before);
});
