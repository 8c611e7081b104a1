/** Pseudo-random numbers that a seed repeats (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to, but not including, 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('There is nothing to pick from');
    return from[Math.floor(this.next() * from.length)] as T;
  }

  /** Some of these, each once, in random order. */
  some<T>(from: readonly T[], count: number): T[] {
    const rest = [...from];
    return Array.from({ length: Math.min(count, rest.length) }, () => {
      const [taken] = rest.splice(Math.floor(this.next() * rest.length), 1);
      return taken as T;
    });
  }

  /** Another generator, so that tasks that run at once don't depend on each other's pace. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}

/**
 * Runs a randomised test with a seed of its own, or that of the variable TEST_SEED; a failure tells the seed. What
 * each task asks for is repeated by it; how the tasks interleave is not.
 */
export async function seeded(test: (random: Random) => Promise<void>): Promise<void> {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 32));
  try {
    await test(new Random(seed));
  } catch (cause) {
    throw new Error(`Failed with TEST_SEED=${seed}`, { cause });
  }
}
