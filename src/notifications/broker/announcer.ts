import type { StreamPage } from '../inbox/stream-page.js';
import { currentContext } from '../own-context.js';
import type { Broker, Hint } from './broker.js';

/** Recipient → what has come to that inbox. */
type Arrivals = ReadonlyMap<string, StreamPage>;

/** Tells everybody where to look, after the commit: this instance directly, the others through the broker. */
export class Announcer {
  private readonly inOwnContext = currentContext();

  constructor(
    private readonly here: { onHints(hints: readonly Hint[], arrivals?: Arrivals): void },
    private readonly broker: Broker,
  ) {}

  /** @param arrivals what the hints are about, where it is known already: for this instance, which then need not look. */
  announce(hints: readonly Hint[], arrivals?: Arrivals): void {
    this.inOwnContext(() => {
      this.here.onHints(hints, arrivals);
      this.broker.publish(hints);
    });
  }
}
