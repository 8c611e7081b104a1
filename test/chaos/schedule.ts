import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Tally } from './tally.js';

/** Something that goes on for a while by itself; false if it can't happen now. */
export type Happening = Promise<unknown> | false;

export interface ScheduleOptions<Kind extends string> {
  /** How often each kind comes, compared with the others. */
  weights: Readonly<Record<Kind, number>>;
  /** The mean pause between two. */
  everyMs: number;
  /** What each is counted as, followed by its kind. */
  countedAs: string;
}

/** Lets things happen at random, several at once now and then. */
export class Schedule<Kind extends string> {
  private readonly dice: Kind[];
  private readonly underWay = new Set<Promise<unknown>>();

  constructor(
    kinds: readonly Kind[],
    private readonly options: ScheduleOptions<Kind>,
    private readonly tally: Tally,
    private readonly random: Random,
  ) {
    this.dice = kinds.flatMap((kind) => Array.from({ length: options.weights[kind] }, () => kind));
  }

  /** Until told to stop; then waits until all is over. @param start begins one of this kind, unless it can't now. */
  async run(start: (kind: Kind) => Happening, signal: AbortSignal): Promise<void> {
    // Something of every kind, whatever the dice say.
    const due = this.random.some([...new Set(this.dice)], this.dice.length);
    while (!signal.aborted && this.dice.length > 0) {
      await sleep(this.options.everyMs * 2 * this.random.next());
      if (signal.aborted) break;
      const kind = due[0] ?? this.random.pick(this.dice);
      const happening = start(kind);
      if (!happening) {
        // It may take a while until it can.
        due.push(...due.splice(0, 1));
        continue;
      }
      due.shift();
      this.tally.add(`${this.options.countedAs} ${kind}`);
      this.underWay.add(happening);
      happening.finally(() => this.underWay.delete(happening));
    }
    await Promise.all(this.underWay);
  }
}
