import type { FaultKind, NeighbourKind } from './settings.js';

/** After a fault is over: connections come back after backoffs of a second or two. */
const GRACE_MS = 3_000;
/** A statement that was sent to a Postgres that has gone silent fails so much later. */
const AFTERMATH_MS = 45_000;

export type TroubleKind = FaultKind | NeighbourKind;

/**
 * Knows what is broken at this moment, and counts the time in which nothing is that may hold up others. Delays are
 * measured by that clock: a fault may delay what it likes, and what is left of a delay has no excuse.
 */
export class Trouble {
  private delaying = 0;
  private quietBefore = 0;
  private quietFrom = performance.now();
  /** When each kind was over; Infinity while it goes on. */
  private readonly over = new Map<TroubleKind, number>();
  private readonly underWay = new Map<TroubleKind, number>();

  /** Milliseconds of quiet so far. */
  get quietMs(): number {
    const now = this.delaying > 0 ? 0 : performance.now();
    return this.quietBefore + Math.max(0, now - this.quietFrom);
  }

  /** @param delaysOthers for as long as this goes on, and a moment longer, it isn't quiet. */
  async during(kind: TroubleKind, delaysOthers: boolean, work: Promise<unknown>): Promise<void> {
    this.underWay.set(kind, (this.underWay.get(kind) ?? 0) + 1);
    if (delaysOthers) {
      this.quietBefore = this.quietMs;
      this.quietFrom = Infinity;
      this.delaying += 1;
    }
    try {
      await work;
    } finally {
      this.underWay.set(kind, (this.underWay.get(kind) ?? 1) - 1);
      this.over.set(kind, performance.now());
      if (delaysOthers) this.delaying -= 1;
      if (delaysOthers && this.delaying === 0) this.quietFrom = performance.now() + GRACE_MS;
    }
  }

  /** Does it go on, or has it been over only since just now? @param ever or was it ever there? */
  hasBeen(kind: TroubleKind, ever: boolean): boolean {
    if ((this.underWay.get(kind) ?? 0) > 0) return true;
    const over = this.over.get(kind);
    return over !== undefined && (ever || performance.now() - over < AFTERMATH_MS);
  }
}

/** Times without faults, again and again, in which delays can be measured. */
export class Lulls {
  private readonly since = performance.now();

  /** @param everyMs so long without one, @param forMs then so long with one. */
  constructor(
    private readonly everyMs: number,
    private readonly forMs: number,
  ) {}

  get isOn(): boolean {
    return (performance.now() - this.since) % (this.everyMs + this.forMs) >= this.everyMs;
  }
}
