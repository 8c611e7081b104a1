import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkOptions, type Rules, wholeNumber } from '../option-rules.js';
import type { Broker, BrokerContext, Hint, HintHandler } from './broker.js';
import { Coalescer } from './coalescer.js';
import { SIGNATURE_BYTES } from './keyring.js';
import { encodeGap, encodeHints, encodeProbe } from './message.js';
import { Receiver } from './receiver.js';
import type { Link, Transport } from './transport.js';

/** When a link to a server of messages is given up. */
export interface TransportBrokerOptions {
  /**
   * How often the link is tried; a half-open one is noticed within this time and `timeoutMs`. 50 to 3,600,000 ms (an hour).
   * @default 10_000
   */
  heartbeatMs?: number;
  /**
   * How long connecting, sending or a heartbeat may take before the link is given up. 50 to 3,600,000 ms (an hour).
   * @default 5_000
   */
  timeoutMs?: number;
}

/** What these options must be, for brokers that have more of them. */
export const TRANSPORT_RULES: Rules<TransportBrokerOptions> = {
  heartbeatMs: wholeNumber(50, 3_600_000),
  timeoutMs: wholeNumber(50, 3_600_000),
};

const MIN_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5_000;
/** What was published just before the end is still sent, if that takes no longer. */
const LAST_WORDS_MS = 500;

/**
 * A broker over any transport: coalesces, splits, sends one message after the other, notices a link that is broken,
 * half-open or deaf, reconnects with backoff and jitter, and says `onGap` after each subscription.
 */
export class TransportBroker implements Broker {
  private readonly self = randomUUID();
  private readonly coalescer = new Coalescer((hints, signals) => this.send(hints, signals));
  private readonly heartbeatMs: number;
  private readonly timeoutMs: number;
  private handler?: HintHandler;
  private readonly receiver: Receiver;
  private running?: Promise<void>;
  /** Aborted when the link is lost, or the attempt to get one has failed; the reason says why. */
  private attempt?: AbortController;
  private link?: Link;
  private probe?: { number: number; onReturn: () => void };
  private probes = 0;
  /** Something could not be sent: the others are told that they have a gap. */
  private hasLost = false;
  private closed = false;

  /** @throws {NotificationsError} `INVALID_OPTIONS` */
  constructor(
    private readonly transport: Transport,
    private readonly context: Pick<BrokerContext, 'keyring' | 'onDown'>,
    options: TransportBrokerOptions = {},
  ) {
    const { heartbeatMs = 10_000, timeoutMs = 5_000 } = checkOptions<TransportBrokerOptions>(
      'The broker',
      options,
      TRANSPORT_RULES,
    );
    this.heartbeatMs = heartbeatMs;
    this.timeoutMs = timeoutMs;
    const open: HintHandler = {
      onHints: (hints) => this.closed || this.handler?.onHints(hints),
      onGap: () => this.closed || this.handler?.onGap(),
    };
    this.receiver = new Receiver(this.self, context.keyring, open, (probe) => {
      if (probe === this.probe?.number) this.probe.onReturn();
    });
  }

  async subscribe(handler: HintHandler): Promise<void> {
    if (this.closed) return;
    this.handler = handler;
    this.running = this.run();
  }

  publish(hints: readonly Hint[]): void {
    if (!this.closed) this.coalescer.add(hints);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.link) await Promise.race([this.coalescer.flush(), sleep(LAST_WORDS_MS, undefined, { ref: false })]);
    this.coalescer.close();
    this.attempt?.abort(new Error('the broker was closed'));
    await this.running;
  }

  private async run(): Promise<void> {
    let backoffMs = 0;
    while (!this.closed) {
      const attempt = new AbortController();
      this.attempt = attempt;
      let upSince = Infinity;
      try {
        // With full jitter: instances that lost the same server must not return in one moment.
        if (backoffMs > 0) await sleep(Math.random() * backoffMs, undefined, { signal: attempt.signal, ref: false });
        const link = await this.connect(attempt);
        upSince = performance.now();
        await this.hold(link, attempt.signal);
      } catch (error) {
        attempt.abort(error);
      }
      this.link = undefined;
      if (this.closed) return;
      if (upSince < Infinity || backoffMs === 0) this.context.onDown(attempt.signal.reason);
      // A server that accepts and drops us again and again is not a server that is up.
      if (performance.now() - upSince > MAX_BACKOFF_MS) backoffMs = 0;
      backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2 || MIN_BACKOFF_MS);
    }
  }

  private async connect(attempt: AbortController): Promise<Link> {
    const { signal } = attempt;
    const onMessage = (text: string) => this.receiver.receive(text);
    const onLost = (error: unknown) => attempt.abort(error ?? new Error('the connection was closed'));
    const link = await this.within(signal, 'connection', this.transport.connect({ onMessage, onLost }, signal));
    await this.tryOut(link, signal);
    return link;
  }

  /** Stays until the link is lost: then it rejects. */
  private async hold(link: Link, signal: AbortSignal): Promise<never> {
    signal.throwIfAborted();
    this.link = link;
    this.handler?.onGap();
    if (this.hasLost) void this.coalescer.flush();
    for (;;) {
      const pause = this.heartbeatMs * (0.75 + Math.random() / 4);
      await sleep(pause, undefined, { signal, ref: false });
      await this.tryOut(link, signal);
    }
  }

  /**
   * Sends a message to itself. Who hears itself hears the others: that a server answers doesn't say so, as with LISTEN
   * through PgBouncer, or for a client that may not subscribe. Signed, so that nobody else can keep a deaf link up.
   */
  private async tryOut(link: Link, signal: AbortSignal): Promise<void> {
    this.probes += 1;
    const number = this.probes;
    const returned = new Promise<void>((onReturn) => {
      this.probe = { number, onReturn };
    });
    const sent = link.send(this.context.keyring.sign(encodeProbe(this.self, number)));
    await this.within(signal, 'message to itself', Promise.all([sent, returned]));
  }

  /** Never rejects. */
  private async send(hints: Hint[] | null, signals: Hint[]): Promise<void> {
    const { link, attempt } = this;
    if (hints === null) this.hasLost = true;
    if (!link || !attempt) {
      // What waits would be old when there is a link again; signals are for now.
      this.hasLost ||= hints !== null && hints.length > 0;
      return;
    }
    const maxBytes = link.maxBytes - SIGNATURE_BYTES;
    const { messages, left } = encodeHints(this.self, [...(hints ?? []), ...signals], maxBytes);
    if (this.hasLost || left) messages.unshift(encodeGap(this.self));
    this.hasLost = false;
    try {
      for (const message of messages) {
        const signed = this.context.keyring.sign(message);
        await this.within(attempt.signal, 'sending', link.send(signed));
      }
    } catch (error) {
      this.hasLost = true;
      attempt.abort(error);
    }
  }

  /** Rejects when it takes longer, or the link is lost meanwhile. */
  private async within<T>(signal: AbortSignal, what: string, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let onAbort = () => {};
    const ended = new Promise<never>((_, reject) => {
      const late = new Error(`the ${what} took longer than ${this.timeoutMs} ms`);
      timer = setTimeout(() => reject(late), this.timeoutMs);
      timer.unref();
      onAbort = () => reject(signal.reason);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort);
    });
    try {
      return await Promise.race([work, ended]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }
}
