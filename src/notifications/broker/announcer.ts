import type { Broker, Hint, HintHandler } from './broker.js';

/** Tells everybody where to look, after the commit: this instance directly, the others through the broker. */
export class Announcer {
  constructor(
    private readonly here: HintHandler,
    private readonly broker: Broker,
  ) {}

  announce(hints: readonly Hint[]): void {
    this.here.onHints(hints);
    this.broker.publish(hints);
  }
}
