/** One heartbeat is so many turns of the wheel. */
const SLOTS = 16;

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

  /** @param everyMs how often each connection ticks, give or take a quarter. */
  constructor(everyMs: number) {
    this.timer = setInterval(() => this.beat(), everyMs / SLOTS);
    this.timer.unref();
  }

  add(connection: Beating): void {
    this.put(connection, Math.floor(Math.random() * SLOTS));
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
      // A quarter of jitter: clients that came together must not be pinged together for ever.
      this.put(connection, (this.turn + SLOTS - Math.floor((Math.random() * SLOTS) / 4)) % SLOTS);
      connection.tick(now);
    }
  }

  private put(connection: Beating, index: number): void {
    this.delete(connection);
    this.slots[index]?.add(connection);
    connection.slot = index;
  }
}
