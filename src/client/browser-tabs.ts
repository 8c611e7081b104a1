/** How often a tab looks whether the leader is there. */
export const ASK_MS = 2_000;
/** So many questions without an answer, and the leader is replaced: 8 s after its last word, or sooner. */
export const MAX_UNANSWERED = 2;

/** What tabs tell each other beside what the inbox has to say. */
type TabMessage<T> =
  /** A follower that wants to hear from the leader, and whether it is the one that the user looks at. */
  | { kind: 'ask'; tab: string; isVisible: boolean }
  /** The leader is there, and how it is. */
  | { kind: 'beat'; message: T }
  | { kind: 'bye'; tab: string }
  | { kind: 'message'; message: T };

export interface BrowserTabsOptions<T> {
  /** The same in all tabs that share a stream. */
  name: string;
  /** This tab is the one that holds the stream now. */
  onLead(): void;
  /** It no longer is: another tab has taken over. */
  onFollow(): void;
  onMessage(message: T): void;
  /** What the leader says whenever it is asked. */
  beat(): T;
}

/**
 * The tabs of one browser that show the same inbox. A Web Lock makes one of them the leader, and the next one when it is
 * closed or crashes. One that is frozen keeps its lock, but answers nobody: then another tab steals it.
 *
 * A question is what keeps time, because the timers of hidden tabs hardly run, while messages still reach them.
 */
export class BrowserTabs<T> {
  /** Names this tab. */
  readonly id = Math.random().toString(36).slice(2);
  isLeader = false;
  /** Whether this tab may have been frozen: then another one may lead by now, and this one hasn't been told yet. */
  isDoubtful = false;

  #channel: BroadcastChannel | undefined;
  #queueing: AbortController | undefined;
  #release: (() => void) | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #unanswered = 0;
  #heard = false;
  #ranAt = Date.now();
  /** By which the browser knows this page. */
  #clientId: string | undefined;
  /** The tabs that the user looks at, each with the time at which it last said so. The last one came to the front last. */
  readonly #visible = new Map<string, number>();

  readonly #options: BrowserTabsOptions<T>;

  constructor(options: BrowserTabsOptions<T>) {
    this.#options = options;
  }

  /** Whether this browser can do that, here: not without https, nor outside of a page. */
  static get areSupported(): boolean {
    return typeof document === 'object' && !!navigator.locks && typeof BroadcastChannel === 'function';
  }

  join(): void {
    this.leave();
    this.#channel = new BroadcastChannel(this.#options.name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    this.#timer = setInterval(() => this.#tick(), ASK_MS);
    document.addEventListener('visibilitychange', this.#ask);
    void this.#queue();
    this.#ask();
  }

  leave(): void {
    document.removeEventListener('visibilitychange', this.#ask);
    clearInterval(this.#timer);
    this.#send({ kind: 'bye', tab: this.id });
    this.#channel?.close();
    this.#channel = undefined;
    this.#visible.clear();
    this.#queueing?.abort();
    this.isLeader = false;
    this.#release?.();
  }

  /** Tells every other tab, in order. */
  post(message: T): void {
    this.#send({ kind: 'message', message });
  }

  /** The tab to toast in, as the leader knows it: the one that came to the front last, else the leader itself. */
  toaster(): string {
    if (isVisible()) return this.id;
    const deadline = Date.now() - 2.5 * ASK_MS;
    for (const [tab, at] of [...this.#visible].reverse()) if (at > deadline) return tab;
    return this.id;
  }

  /** This tab runs; not at all for a while, if the last time is long ago. */
  ran(): void {
    const now = Date.now();
    this.isDoubtful ||= now - this.#ranAt > ASK_MS * MAX_UNANSWERED;
    this.#ranAt = now;
  }

  /** Asks the browser who leads. */
  async confirm(): Promise<void> {
    const holder = await this.#holder();
    if (holder !== this.#clientId) this.isLeader = false;
    this.isDoubtful = false;
  }

  readonly #ask = (): void => {
    if (!this.isLeader) this.#send({ kind: 'ask', tab: this.id, isVisible: isVisible() });
  };

  #tick(): void {
    this.ran();
    if (this.isLeader) return;
    if (this.#unanswered >= MAX_UNANSWERED) {
      this.#unanswered = 0;
      void this.#queue({ steal: true });
      return;
    }
    // Where many tabs are hidden one of them asks for all.
    if (!this.#heard || isVisible()) {
      this.#unanswered += 1;
      this.#ask();
    }
    this.#heard = false;
  }

  #receive(message: TabMessage<T>): void {
    this.ran();
    if (message.kind === 'bye') this.#visible.delete(message.tab);
    else if (message.kind === 'ask') this.#answer(message.tab, message.isVisible);
    else if (!this.isLeader) {
      this.#unanswered = 0;
      this.#heard = true;
    }
    if ('message' in message) this.#options.onMessage(message.message);
  }

  #answer(tab: string, isShown: boolean): void {
    // One that says so again stays where it is in the order.
    if (isShown) this.#visible.set(tab, Date.now());
    else this.#visible.delete(tab);
    if (this.isLeader) this.#beat();
  }

  #beat(): void {
    this.#send({ kind: 'beat', message: this.#options.beat() });
  }

  async #queue(options: LockOptions = {}): Promise<void> {
    this.#queueing?.abort();
    const queueing = new AbortController();
    this.#queueing = queueing;
    // A lock that is stolen can't be waited for, too.
    const request = options.steal ? options : { signal: queueing.signal };
    try {
      await navigator.locks.request(this.#options.name, request, () => this.#lead(queueing.signal));
    } catch (error) {
      // No longer wanted.
      if (queueing.signal.aborted) return;
      if ((error as DOMException).name !== 'AbortError') {
        this.#standAlone();
        return;
      }
      // Stolen.
      this.isLeader = false;
      this.#options.onFollow();
      void this.#queue();
    }
  }

  /** Locks are denied here: site data is blocked, or the frame is sandboxed. There is nobody to share with. */
  #standAlone(): void {
    this.leave();
    this.isLeader = true;
    this.#options.onLead();
  }

  async #lead(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#clientId = await this.#holder();
    if (signal.aborted) return;
    this.isLeader = true;
    this.#options.onLead();
    this.#beat();
    await new Promise<void>((resolve) => {
      this.#release = resolve;
    });
  }

  async #holder(): Promise<string | undefined> {
    const { held } = await navigator.locks.query().catch(() => ({ held: [] }));
    return held?.find(({ name }) => name === this.#options.name)?.clientId;
  }

  #send(message: TabMessage<T>): void {
    this.#channel?.postMessage(message);
  }
}

export function isVisible(): boolean {
  return typeof document !== 'object' || document.visibilityState === 'visible';
}
