import type { Broker, BrokerFactory, Hint, HintHandler } from '../../notifications/index.js';

/** Stops a broker and starts it again, as if its server had gone away and come back. */
export class BrokerSwitch {
  private readonly brokers = new Set<SwitchedBroker>();
  private stopped = false;

  get isStopped(): boolean {
    return this.stopped;
  }

  /** The same broker, under this switch. */
  of(factory: BrokerFactory): BrokerFactory {
    return async (context) => {
      const broker = new SwitchedBroker(await factory(context), () => this.stopped);
      this.brokers.add(broker);
      return broker;
    };
  }

  stop(): void {
    this.stopped = true;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    for (const broker of this.brokers) broker.afterGap();
  }
}

/** While it is stopped, what is published and what arrives is dropped. */
class SwitchedBroker implements Broker {
  private handler?: HintHandler;

  constructor(
    private readonly broker: Broker,
    private readonly isStopped: () => boolean,
  ) {}

  async subscribe(handler: HintHandler): Promise<void> {
    this.handler = handler;
    await this.broker.subscribe({
      onHints: (hints) => {
        if (!this.isStopped()) handler.onHints(hints);
      },
      // What is missed while it is stopped is made up for when it starts.
      onGap: () => {
        if (!this.isStopped()) handler.onGap();
      },
    });
  }

  publish(hints: readonly Hint[]): void {
    if (!this.isStopped()) this.broker.publish(hints);
  }

  async close(): Promise<void> {
    this.handler = undefined;
    await this.broker.close();
  }

  afterGap(): void {
    this.handler?.onGap();
  }
}
