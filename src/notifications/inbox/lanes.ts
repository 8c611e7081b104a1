/**
 * What a statement is for. Deliveries may use every connection of the pool. Each kind after that leaves one more to those
 * before it, as far as there are any:
 * - `streams`: reads and sweeps for event streams,
 * - `questions`: lists, numbers and marks of users,
 * - `background`: purging, counting connections.
 */
export type Lane = 'streams' | 'questions' | 'background';

const LANES: readonly Lane[] = ['streams', 'questions', 'background'];
/** Background work is one short statement after the other: it may go before the many questions that wait. */
const ORDER: readonly Lane[] = ['streams', 'background', 'questions'];

/**
 * Bulkheads in the module's pool: however many questions wait, a delivery finds a connection that no question may take.
 *
 * With `poolSize` 4 streams, questions and background work have 3 connections together, questions and background work 2,
 * background work 1. With 3 it is 2, 1 and 1; with 2 it is 1 for all three together. With 1 nothing can be reserved: then at
 * most one statement of the three stands before a delivery in the pool's queue.
 */
export class Lanes {
  /** The most that may be under way in a lane and those after it, together. */
  private readonly limits: readonly number[];
  /** Those under way, by lane. */
  private readonly running = LANES.map(() => 0);
  private readonly waiting = new Map<Lane, (() => void)[]>(LANES.map((lane) => [lane, []]));

  constructor(poolSize: number) {
    this.limits = LANES.map((_, index) => Math.max(1, poolSize - 1 - index));
  }

  /** Does the work once its lane is free. */
  async run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    const index = LANES.indexOf(lane);
    const waiting = this.waiting.get(lane) as (() => void)[];
    if (waiting.length === 0 && this.isFree(index)) this.running[index] = this.runningIn(index) + 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.running[index] = this.runningIn(index) - 1;
      this.admit();
    }
  }

  private admit(): void {
    for (const lane of ORDER) {
      const index = LANES.indexOf(lane);
      const waiting = this.waiting.get(lane) as (() => void)[];
      while (waiting.length > 0 && this.isFree(index)) {
        // Counted here: by the time that it goes on, others may have asked.
        this.running[index] = this.runningIn(index) + 1;
        waiting.shift()?.();
      }
    }
  }

  /** Is there room in this lane, and in all those that it is counted in? */
  private isFree(index: number): boolean {
    let after = 0;
    for (let i = LANES.length - 1; i >= 0; i--) {
      after += this.runningIn(i);
      if (i <= index && after >= (this.limits[i] as number)) return false;
    }
    return true;
  }

  private runningIn(index: number): number {
    return this.running[index] as number;
  }
}
