/** One heartbeat is so many turns of the wheel, give or take two. */
const TURNS = 16;
/** One more than the longest pause between two. */
const SLOTS = TURNS + 3;

interface Beating {
  /** Where it is in the wheel: kept here, a map of all connections would cost more than they. */
  slot?: number;
  tick(now: number): void;
}

/** One timer for the heartbeats of all connections, which it spreads: a wheel with a slot for each turn. */
export class Heartbeat {
  private readonly slots = Array.from({ length: SLOTS }, () => new Set<Beating>());
  private turn = 0;
  private readonly timer: NodeJS.Timeout;

  /** @param everyMs how often each connection ticks, give or take an eighth. */
  constructor(everyMs: number) {
    this.timer = setInterval(() => this.beat(), everyMs / TURNS);
    this.timer.unref();
  }

  add(connection: Beating): void {
    this.put(connection, this.turn + 1 + Math.floor(Math.random() * TURNS));
  }

  delete(connection: Beating): void {
    if (connection.slot !== undefined) this.slots[connection.slot]?.delete(connection);
    connection.slot = undefined;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private beat(): void {
    this.turn = (this.turn + 1) % SLOTS;
    const now = Date.now();
    for (const connection of [...(this.slots[this.turn] as Set<Beating>)]) {
      // Jitter: clients that came together must not be pinged together for ever.
      this.put(connection, this.turn + TURNS - 2 + Math.floor(Math.random() * 5));
      connection.tick(now);
    }
  }

  private put(connection: Beating, turn: number): void {
    const index = turn % SLOTS;
    this.delete(connection);
    this.slots[index]?.add(connection);
    connection.slot = index;
  }
}
