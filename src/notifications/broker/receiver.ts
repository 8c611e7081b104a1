import type { HintHandler } from './broker.js';
import type { Keyring, Signature } from './keyring.js';
import { type BrokerMessage, decodeMessage } from './message.js';

/** No instance writes a longer message, whatever the transport would take. */
const MAX_MESSAGE_BYTES = 65_536;
/** No instance collects more hints before it says that there is a gap. */
const MAX_HINTS = 5_000;
/** How old a message may be. It bounds how long the number of a sender's last message must be remembered. */
const MAX_AGE_MS = 30_000;
const SENDERS_BEFORE_PRUNING = 1_000;

/**
 * Reads what comes from a transport, which others can write to. What an instance has signed is believed, once; of what one
 * of a version that doesn't sign may have sent, that there is something to look at. Everything else costs a look at its
 * signature and no memory.
 */
export class Receiver {
  /** The last message of each sender. */
  private readonly senders = new Map<string, { number: number; receivedAt: number }>();

  /**
   * @param self the sender whose messages are one's own: only its probes are read.
   * @param onProbe a probe of one's own has returned.
   */
  constructor(
    private readonly self: string,
    private readonly keyring: Keyring,
    private readonly handler: HintHandler,
    private readonly onProbe: (probe: number) => void,
  ) {}

  /** Never throws. */
  receive(text: string): void {
    try {
      this.read(text);
    } catch {
      // JSON nested deeper than the stack goes: no instance writes that.
    }
  }

  private read(text: string): void {
    // A longer one is not even hashed.
    const isTooLong = text.length > MAX_MESSAGE_BYTES;
    const signature = isTooLong ? null : this.keyring.verify(text);
    if (!signature && !this.keyring.mayBeUnsigned) this.doubt(isTooLong ? '' : text);
    else if (isTooLong) this.handler.onGap();
    else this.take(decodeMessage(text, signature !== null), signature);
  }

  /** Its key may be new, or its sender an instance of an old version that has just started. */
  private doubt(text: string): void {
    void this.keyring.doubt(text).then((isOurs) => isOurs && this.handler.onGap());
  }

  private take(message: BrokerMessage | null, signature: Signature | null): void {
    if (!message) return;
    const isOwn = message.from === this.self;
    if ('probe' in message) {
      if (isOwn && signature) this.onProbe(message.probe);
      return;
    }
    if (isOwn) return;
    // One that comes a second time or late is not believed, but may be the only sign of something that was lost.
    const isStale = signature && !this.isNew(message.from, signature);
    if ('gap' in message || isStale || message.hints.length > MAX_HINTS) this.handler.onGap();
    else if (message.hints.length > 0) this.handler.onHints(message.hints);
  }

  private isNew(sender: string, { number, ageMs }: Signature): boolean {
    const last = this.senders.get(sender);
    if (Math.abs(ageMs) > MAX_AGE_MS || (last && number <= last.number)) return false;
    if (this.senders.size >= SENDERS_BEFORE_PRUNING) this.prune();
    this.senders.set(sender, { number, receivedAt: performance.now() });
    return true;
  }

  /** Instances that have ended: by now their messages are too old anyway. */
  private prune(): void {
    // A message may be dated that far ahead, too.
    const now = performance.now();
    for (const [sender, { receivedAt }] of this.senders) {
      if (now - receivedAt > 2 * MAX_AGE_MS) this.senders.delete(sender);
    }
  }
}
