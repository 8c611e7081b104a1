import type { Broker, BrokerFactory, HintHandler } from './broker.js';
import { Coalescer } from './coalescer.js';

/**
 * For a single instance: there is nobody else to tell. Applications of one process that are given the same
 * `inProcessBroker()` do wake each other.
 */
export function inProcessBroker(): BrokerFactory {
  const subscriptions = new Map<Broker, { channel: string; handler: HintHandler }>();
  return ({ channel }) => {
    let closed = false;
    const coalescer = new Coalescer(async (hints, signals) => {
      for (const [other, { channel: theirs, handler }] of subscriptions) {
        if (other === broker || theirs !== channel) continue;
        if (hints === null) handler.onGap();
        const all = [...(hints ?? []), ...signals];
        if (all.length > 0) handler.onHints(all);
      }
    });
    const broker: Broker = {
      async subscribe(handler) {
        if (closed) return;
        subscriptions.set(broker, { channel, handler });
        handler.onGap();
      },
      publish(hints) {
        // Usually there is nobody else.
        const others = subscriptions.size - (subscriptions.has(broker) ? 1 : 0);
        if (!closed && others > 0) coalescer.add(hints);
      },
      async close() {
        closed = true;
        subscriptions.delete(broker);
        await coalescer.flush();
      },
    };
    return broker;
  };
}
