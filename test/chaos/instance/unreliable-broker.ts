import type { Broker, BrokerFactory, Hint } from '../../../src/notifications/index.js';
import type { HintFaults } from './protocol.js';

const LATE_MS = 300;

/** Loses, doubles and delays hints on their way out and in, as the contract of a broker allows. */
export class UnreliableHints {
  constructor(
    public faults: HintFaults,
    private readonly random: () => number,
  ) {}

  wrap(factory: BrokerFactory): BrokerFactory {
    return async (context) => {
      const broker = await factory(context);
      let closed = false;
      const passOn = (hints: readonly Hint[], to: (hints: readonly Hint[]) => void) => {
        for (const delayMs of [0, LATE_MS]) {
          const batch = hints.flatMap((hint) => this.copies(hint, delayMs > 0));
          if (batch.length === 0) continue;
          if (delayMs === 0) to(batch);
          else setTimeout(() => closed || to(batch), delayMs).unref();
        }
      };
      const unreliable: Broker = {
        subscribe: (handler) =>
          broker.subscribe({
            onHints: (hints) => passOn(hints, (some) => handler.onHints(some)),
            onGap: () => handler.onGap(),
          }),
        publish: (hints) => passOn(hints, (some) => broker.publish(some)),
        close: () => {
          closed = true;
          return broker.close();
        },
      };
      return unreliable;
    };
  }

  private copies(hint: Hint, late: boolean): Hint[] {
    const dice = this.random() * 100;
    const { lost, doubled } = this.faults;
    if (late) return dice < this.faults.late ? [hint] : [];
    if (dice < lost) return [];
    return dice < lost + doubled ? [hint, hint] : [hint];
  }
}
