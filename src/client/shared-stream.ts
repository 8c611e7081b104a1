import type { InboxNumbers } from '../notifications/notification.js';
import { BrowserTabs, isVisible } from './browser-tabs.js';
import { EventStream, type EventStreamOptions } from './event-stream.js';
import { dataOf } from './frame-data.js';
import type { StreamFrame } from './inbox.types.js';
import { InboxError, type InboxErrorCode } from './inbox-error.js';

export type StreamStatus = 'connecting' | 'live';

/** How far a tab has come. */
interface Position {
  /** The last id that was given to it. */
  cursor: number | null;
  numbers: InboxNumbers;
}

/** What tabs can tell each other of an error, of which a `BroadcastChannel` keeps only the message. */
type ErrorParts = [code: InboxErrorCode, message: string, status: number | undefined];

/** What tabs tell each other. */
type Relayed =
  /** The leader, how it is. */
  | { status: StreamStatus; position: Position; error?: ErrorParts }
  /** The leader, an event, the cursor that it follows, and where to toast. */
  | { frame: StreamFrame; after: number | null; toaster: string }
  /** A follower that wants the leader to try at once what waits for its next attempt. */
  | 'check';

export interface SharedStreamOptions extends Omit<EventStreamOptions, 'onFrame'> {
  /** The same in all tabs that share the stream; without one this tab has its own. */
  name: string | undefined;
  /** An event, its data parsed. `toast` is true in one tab of all. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  onFrame(frame: StreamFrame, data: any, toast: boolean): void;
  position(): Position;
  /** The network is back, or the user is: nothing should wait any longer. */
  onWake(): void;
  /** The leader was there. @returns a promise while what was missed is made up for: what follows waits for that. */
  onPosition(cursor: number | null, numbers?: InboxNumbers): Promise<void> | undefined;
}

/** The stream of this tab: its own, or what the tab that holds the stream of this browser tells of it. */
export class SharedStream {
  #status: StreamStatus = 'connecting';
  /** Why the last attempt failed. */
  #error: ErrorParts | undefined;
  readonly #stream: EventStream;
  readonly #tabs: BrowserTabs<Relayed> | undefined;
  /** What has come and is not handled yet, in order. */
  readonly #waiting: (() => Promise<void> | undefined)[] = [];
  #isHandling = false;
  /** Ends the listening to what happens to the page. */
  #page: AbortController | undefined;

  readonly #options: SharedStreamOptions;

  constructor(options: SharedStreamOptions) {
    this.#options = options;
    this.#stream = new EventStream({
      ...options,
      onStatus: (status, error) => this.#setStatus(status, error),
      onFrame: (frame, data) => void this.#inTurn(true, () => this.#relay(frame, data)),
    });
    if (options.name === undefined || !BrowserTabs.areSupported) return;
    this.#tabs = new BrowserTabs<Relayed>({
      name: options.name,
      onLead: () => this.#stream.open(),
      onFollow: () => this.#stream.close(),
      onMessage: (message) => {
        if (message !== 'check') void this.#inTurn(false, () => this.#hear(message));
        else if (this.#isOwn) this.#stream.check();
      },
      beat: () => this.#beat(),
    });
  }

  open(): void {
    this.#listenToPage();
    this.#resume();
  }

  close(): void {
    this.#page?.abort();
    this.#suspend();
  }

  /** Tries at once what waits for its next attempt, in whichever tab. */
  check(): void {
    if (this.#isOwn) this.#stream.check();
    else this.#tabs?.post('check');
  }

  /** Does this tab hold the stream? */
  get #isOwn(): boolean {
    return this.#tabs?.isLeader ?? true;
  }

  #resume(): void {
    if (this.#tabs) this.#tabs.join();
    else this.#stream.open();
  }

  #suspend(): void {
    this.#tabs?.leave();
    this.#stream.close();
  }

  #setStatus(status: StreamStatus, error?: InboxError): void {
    this.#status = status;
    if (status === 'live') this.#error = undefined;
    if (error) this.#error = [error.code, error.message, error.status];
    this.#options.onStatus(status, error);
    this.#tabs?.post(this.#beat());
  }

  #beat(): Extract<Relayed, { status: unknown }> {
    return { status: this.#status, position: this.#options.position(), error: this.#error };
  }

  /**
   * Handles what has come, one after the other, and once it is certain whether this tab leads: of what has come while it
   * was frozen, either its own stream's events count or what the new leader has told.
   */
  async #inTurn(isOwn: boolean, handle: () => Promise<void> | undefined): Promise<void> {
    const handleIfCurrent = () => (isOwn === this.#isOwn ? handle() : undefined);
    this.#tabs?.ran();
    this.#waiting.push(() => (this.#tabs?.isDoubtful ? this.#tabs.confirm().then(handleIfCurrent) : handleIfCurrent()));
    if (this.#isHandling) return;
    this.#isHandling = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      try {
        const under = next();
        if (under) await under;
      } catch (error) {
        // Such as what a page with another version of the library tells: it must not stop what follows.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    this.#isHandling = false;
  }

  #relay(frame: StreamFrame, data: unknown): undefined {
    const tabs = this.#tabs;
    const toaster = tabs?.toaster() ?? '';
    tabs?.post({ frame, after: this.#options.position().cursor, toaster });
    this.#options.onFrame(frame, data, tabs ? toaster === tabs.id : isVisible());
  }

  #hear(message: Exclude<Relayed, 'check'>): Promise<void> | undefined {
    if ('status' in message) {
      const { status, error } = message;
      this.#status = status;
      this.#error = error;
      this.#options.onStatus(status, error && new InboxError(...error));
      return this.#options.onPosition(message.position.cursor, message.position.numbers);
    }
    const { frame, toaster } = message;
    const data = dataOf(frame.event, frame.data);
    if (!data) throw new TypeError(`Another tab tells of an event that makes no sense: ${frame.event}`);
    const tell = () => this.#options.onFrame(frame, data, toaster === this.#tabs?.id);
    const missed = this.#options.onPosition(message.after);
    if (missed) return missed.then(tell);
    tell();
    return undefined;
  }

  #wake(): void {
    this.#options.onWake();
    this.check();
  }

  #listenToPage(): void {
    if (typeof document !== 'object') return;
    this.#page?.abort();
    this.#page = new AbortController();
    const { signal } = this.#page;
    // The network is another one: what was connected through the old one may never say so.
    const online = () => {
      if (this.#isOwn) this.#stream.open();
      this.#options.onWake();
    };
    addEventListener('online', online, { signal });
    // A page that is frozen or kept for the way back must not hold the stream of all.
    addEventListener('pagehide', () => this.#suspend(), { signal });
    document.addEventListener('freeze', () => this.#suspend(), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && this.#resume(), { signal });
    document.addEventListener('resume', () => this.#resume(), { signal });
    document.addEventListener('visibilitychange', () => isVisible() && this.#wake(), { signal });
  }
}
