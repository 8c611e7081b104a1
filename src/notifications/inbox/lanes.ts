import { NotificationsError } from '../notifications.error.js';
import { WaitQueue } from './wait-queue.js';

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
/** Where Postgres is silent, a statement ends after 40 s: without bounds thousands would wait, whose clients have long left. */
const WAITING = 10_000;
const WAIT_MS = 10_000;

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
  private readonly waiting = new Map(LANES.map((lane) => [lane, new WaitQueue(WAITING, WAIT_MS, overloaded)]));

  constructor(poolSize: number) {
    this.limits = LANES.map((_, index) => Math.max(1, poolSize - 1 - index));
  }

  /**
   * Does the work once its lane is free.
   *
   * @throws {NotificationsError} `OVERLOADED` if that is not within ten seconds, or ten thousand wait already.
   */
  async run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    const index = LANES.indexOf(lane);
    const waiting = this.waiting.get(lane) as WaitQueue;
    if (waiting.isEmpty && this.isFree(index)) this.running[index] = this.runningIn(index) + 1;
    else await waiting.wait();
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
      const waiting = this.waiting.get(lane) as WaitQueue;
      // Counted here: by the time that it goes on, others may have asked.
      while (this.isFree(index) && waiting.admit()) this.running[index] = this.runningIn(index) + 1;
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

function overloaded(): NotificationsError {
  const message = `The statement waited ${WAIT_MS} ms for a connection of the pool, or found ${WAITING.toLocaleString('en')} waiting before it, and was not sent: Postgres is too slow, or does not answer. Try again later.`;
  return new NotificationsError('OVERLOADED', message);
}
