import type { InboxNumbers } from '../notifications/notification.js';
import { BrowserTabs } from './browser-tabs.js';
import { EventStream, type EventStreamOptions } from './event-stream.js';
import type { StreamFrame } from './inbox.types.js';

export type StreamStatus = 'connecting' | 'live';

/** How far a tab has come. */
export interface Position {
  /** The last id that was given to it. */
  cursor: number | null;
  numbers: InboxNumbers;
}

/** What tabs tell each other. */
type Relayed =
  /** The leader, how it is. */
  | { status: StreamStatus; position: Position }
  /** The leader, an event, and where to toast. */
  | { frame: StreamFrame; toaster: string }
  /** A follower that wants the leader to try at once what waits for its next attempt. */
  | 'check';

export interface SharedStreamOptions extends Omit<EventStreamOptions, 'onFrame'> {
  /** The same in all tabs that share the stream; without one this tab has its own. */
  name: string | undefined;
  /** An event, its data parsed. `toast` is true in one tab of all. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  onFrame(frame: StreamFrame, data: any, toast: boolean): void;
  position(): Position;
  /** The leader is there now: whoever isn't has missed something. */
  onPosition(position: Position): void;
}

/** The stream of this tab: its own, or what the tab that holds the stream of this browser tells of it. */
export class SharedStream {
  private status: StreamStatus = 'connecting';
  private readonly stream: EventStream;
  private readonly tabs: BrowserTabs<Relayed> | undefined;
  private confirming: Promise<void> | undefined;
  /** Ends the listening to what happens to the page. */
  private page: AbortController | undefined;

  constructor(private readonly options: SharedStreamOptions) {
    this.stream = new EventStream({
      ...options,
      onStatus: (status) => this.setStatus(status),
      onFrame: (frame, data) => this.whenCertain(true, () => this.relay(frame, data)),
    });
    if (options.name === undefined || !BrowserTabs.areSupported) return;
    this.tabs = new BrowserTabs<Relayed>({
      name: options.name,
      onLead: () => this.stream.open(),
      onFollow: () => this.stream.close(),
      onMessage: (message) => {
        if (message !== 'check') this.whenCertain(false, () => this.hear(message));
        else if (this.isOwn) this.stream.check();
      },
      beat: () => ({ status: this.status, position: options.position() }),
    });
  }

  open(): void {
    this.listenToPage();
    this.resume();
  }

  close(): void {
    this.page?.abort();
    this.suspend();
  }

  /** Tries at once what waits for its next attempt, in whichever tab. */
  check(): void {
    if (this.isOwn) this.stream.check();
    else this.tabs?.post('check');
  }

  /** Does this tab hold the stream? */
  private get isOwn(): boolean {
    return this.tabs?.isLeader ?? true;
  }

  private resume(): void {
    if (this.tabs) this.tabs.join();
    else this.stream.open();
  }

  private suspend(): void {
    this.tabs?.leave();
    this.stream.close();
  }

  private setStatus(status: StreamStatus): void {
    this.status = status;
    this.options.onStatus(status);
    this.tabs?.post({ status, position: this.options.position() });
  }

  /**
   * Calls it, in order, once it is certain whether this tab leads: of what has come while it was frozen, either its own
   * stream's events count or what the new leader has told.
   */
  private whenCertain(isOwn: boolean, handle: () => void): void {
    this.tabs?.ran();
    if (!this.confirming && this.tabs?.isDoubtful) {
      this.confirming = this.tabs.confirm().finally(() => {
        this.confirming = undefined;
      });
    }
    const unlessOutdated = () => isOwn === this.isOwn && handle();
    if (this.confirming) void this.confirming.then(unlessOutdated);
    else unlessOutdated();
  }

  private relay(frame: StreamFrame, data: unknown): void {
    const { tabs } = this;
    const toaster = tabs?.toaster();
    tabs?.post({ frame, toaster: toaster as string });
    this.options.onFrame(frame, data, tabs ? toaster === tabs.id : isShown());
  }

  private hear(message: Exclude<Relayed, 'check'>): void {
    if ('frame' in message) {
      this.options.onFrame(message.frame, JSON.parse(message.frame.data), message.toaster === this.tabs?.id);
    } else {
      this.status = message.status;
      this.options.onStatus(message.status);
      this.options.onPosition(message.position);
    }
  }

  private listenToPage(): void {
    if (typeof document !== 'object') return;
    this.page?.abort();
    this.page = new AbortController();
    const { signal } = this.page;
    // The network is another one: what was connected through the old one may never say so.
    addEventListener('online', () => this.isOwn && this.stream.open(), { signal });
    // A page that is frozen or kept for the way back must not hold the stream of all.
    addEventListener('pagehide', () => this.suspend(), { signal });
    document.addEventListener('freeze', () => this.suspend(), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && this.resume(), { signal });
    document.addEventListener('resume', () => this.resume(), { signal });
    document.addEventListener('visibilitychange', () => isShown() && this.check(), { signal });
  }
}

function isShown(): boolean {
  return typeof document !== 'object' || document.visibilityState === 'visible';
}
