import { Backoff } from './backoff.js';
import { dataOf } from './frame-data.js';
import type { StreamFrame } from './inbox.types.js';
import { InboxError, toInboxError } from './inbox-error.js';

/** What there is of the WHATWG `EventSource` in every implementation. */
export interface EventSourceLike {
  /** Listens to events of a type, such as `message`, and to `error`. */
  addEventListener(type: string, listener: (event: { data: string; lastEventId: string }) => void): void;
  /** Ends the connection, for good. */
  close(): void;
}

/** What makes event streams: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export type EventSourceConstructor = new (url: string, init?: { withCredentials?: boolean }) => EventSourceLike;

const EVENT_TYPES = ['ready', 'message', 'state', 'signal', 'reset', 'ping', 'close'];
/** `ready` comes at once; a server that many return to at the same time may need a while. */
const READY_WITHIN_MS = 30_000;
/** A timer that is this late tells of a computer that slept: what has come meanwhile is still to be handled. */
const LATE_MS = 1_000;
/** Nine days. A timer that is to wait for more than 2^31 - 1 ms fires at once. */
const MAX_MS = 800_000_000;

export interface EventStreamOptions {
  EventSource: EventSourceConstructor;
  withCredentials: boolean;
  /** Where to connect to, with credentials that are good now. Asked before every attempt. */
  url(): Promise<string>;
  /** Throws why a stream can't be opened there. Asked after a connection that brought nothing. */
  probe(url: string): Promise<void>;
  /** An event, its data parsed. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  onFrame(frame: StreamFrame, data: any): void;
  /** An event came that no server of ours has sent; what it was to tell may be missing. The stream connects anew. */
  onMalformed(): void;
  /** @param error why the last attempt failed, where that is known. */
  onStatus(status: 'connecting' | 'live', error?: InboxError): void;
  /** `url()` or `probe()` failed. @returns whether there is any point in trying again. */
  onError(error: InboxError): boolean;
}

/**
 * One event stream that lasts. A native `EventSource` gives up for good on any status other than 200, comes back with a
 * token that has expired, and doesn't notice a connection that died without a word: so every connection is a new one.
 */
export class EventStream {
  #source: EventSourceLike | undefined;
  #attempt = 0;
  /** A connection that is silent for longer is dead. */
  #silenceMs = READY_WITHIN_MS;
  #lastEventAt = 0;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  /** Since an event that made no sense, and until a ping: the next connection may bring the same one. */
  #isDoubtful = false;
  /** Whether this connection has brought its first event. */
  #isReady = false;
  /** Whether the last connection brought nothing, for a reason that `EventSource` doesn't tell. */
  #mustProbe = false;
  /** Whether this attempt began with a probe. Never two in a row: what stops a probe may not stop a stream. */
  #isProbed = false;
  readonly #backoff = new Backoff(() => void this.#connect());

  readonly #options: EventStreamOptions;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** Connects at once, dropping the connection that there is. */
  open(): void {
    this.#disconnect();
    this.#backoff.now();
  }

  close(): void {
    this.#disconnect();
    this.#backoff.cancel();
  }

  /** Looks whether the connection is still alive: timers may not have run for a long time. */
  check(): void {
    if (this.#backoff.isWaiting) this.#backoff.now();
    else if (this.#source) this.#watch();
  }

  async #connect(): Promise<void> {
    this.#options.onStatus('connecting');
    const attempt = ++this.#attempt;
    try {
      const url = await this.#options.url();
      this.#isProbed = this.#mustProbe;
      this.#mustProbe = false;
      if (this.#isProbed) await this.#options.probe(url);
      if (attempt === this.#attempt) this.#listen(url);
    } catch (cause) {
      // Such as where there is no EventSource, or a policy forbids it.
      const error = toInboxError(cause);
      if (attempt === this.#attempt && this.#options.onError(error)) this.#lost(error);
    }
  }

  #listen(url: string): void {
    const { EventSource, withCredentials } = this.#options;
    const source = new EventSource(url, { withCredentials });
    this.#source = source;
    this.#isReady = false;
    this.#silenceMs = READY_WITHIN_MS;
    for (const event of EVENT_TYPES) {
      source.addEventListener(event, ({ data, lastEventId }) => {
        if (source === this.#source) this.#receive({ event, id: lastEventId, data });
      });
    }
    source.addEventListener('error', () => {
      if (source === this.#source) this.#broken();
    });
    this.#lastEventAt = Date.now();
    this.#watch();
  }

  #receive(frame: StreamFrame): void {
    const data = dataOf(frame.event, frame.data);
    if (!data) {
      this.#isDoubtful = true;
      this.#lost(new InboxError('unexpected-answer', `Unexpected event: ${frame.event}`));
      this.#options.onMalformed();
      return;
    }
    this.#lastEventAt = Date.now();
    if (frame.event === 'ready') {
      this.#isReady = true;
      // The server sends a ping every `heartbeatMs`.
      this.#silenceMs = 2.5 * timeOf(data.heartbeatMs, 1, 20_000);
      this.#watch();
      this.#backoff.baseMs = timeOf(data.retryMs, 0, 3_000);
      this.#options.onStatus('live');
    }
    if (frame.event === 'ping') this.#isDoubtful = false;
    if (!this.#isDoubtful) this.#backoff.succeeded();
    this.#options.onFrame(frame, data);
    if (frame.event === 'close' && this.#source) this.#lost();
  }

  /** It ended, or is silent. If it has brought nothing, the next attempt finds out why; if that finds nothing, says so. */
  #broken(): void {
    const isMystery = !this.#isReady && this.#isProbed;
    this.#mustProbe = !this.#isReady && !isMystery;
    this.#lost(
      isMystery ? new InboxError('unreachable', 'The stream has no events: does a proxy hold them up?') : undefined,
    );
  }

  /** Comes back with fresh credentials, which tell whether the session goes on. */
  #lost(error?: InboxError): void {
    this.#disconnect();
    this.#backoff.again();
    // Last: a listener may close it.
    this.#options.onStatus('connecting', error);
  }

  /** @param due when the timer was to call it, if one did. */
  #watch(due = 0): void {
    clearTimeout(this.#watchdog);
    // Not longer than the limit, and once, should the clock have been put back.
    this.#lastEventAt = Math.min(this.#lastEventAt, Date.now());
    const left = this.#lastEventAt + this.#silenceMs - Date.now();
    if (left > 0) this.#wake(left);
    else if (due > 0 && Date.now() - due > LATE_MS) this.#wake(LATE_MS);
    else this.#broken();
  }

  #wake(inMs: number): void {
    const due = Date.now() + inMs;
    this.#watchdog = setTimeout(() => this.#watch(due), inMs);
  }

  #disconnect(): void {
    this.#attempt += 1;
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = undefined;
  }
}

/** A time of the server's, where it is one that can be waited for. */
function timeOf(ms: unknown, min: number, otherwise: number): number {
  return typeof ms === 'number' && ms >= min && ms < MAX_MS ? ms : otherwise;
}
