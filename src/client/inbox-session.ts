import type { InboxNotification, InboxNumbers, InboxPage } from '../notifications/notification.js';
import { Backoff } from './backoff.js';
import type { Emitter } from './emitter.js';
import type { InboxOptions } from './inbox.js';
import type { InboxEvents, InboxState, InboxStatus, StreamFrame } from './inbox.types.js';
import { InboxApi } from './inbox-api.js';
import { InboxChanges, quiet } from './inbox-changes.js';
import type { InboxError } from './inbox-error.js';
import { NotificationList } from './notification-list.js';
import { SharedStream, type StreamStatus } from './shared-stream.js';

/** The most that one request may ask for. */
const MAX_PAGE = 100;
/** After that an event isn't waited for. */
const EVENT_WITHIN_MS = 1_000;
/** The most that is made up for one by one, as with the server's `maxReplay`. */
const MAX_MISSED = 1_000;

/** Between two attempts to make up for what was missed. */
const MISSED_AGAIN_MS = 3_000;

/** An inbox from when it was opened until it was closed, or the user was signed out. */
export class InboxSession {
  readonly changes: InboxChanges;
  readonly #events: Emitter<InboxEvents>;
  readonly #publish: () => void;
  #status: InboxStatus = 'connecting';
  /** Why the list could not be loaded. */
  #error: InboxError | null = null;
  /** Why there is no stream, once an attempt has failed, until it is live. */
  #streamError: InboxError | null = null;
  readonly #api: InboxApi;
  readonly #list = new NotificationList();
  readonly #stream: SharedStream;
  readonly #pageSize: number;
  /** The last id that was given to this tab; null until it is known where the present begins. */
  #cursor: number | null = null;
  #wasLive = false;

  #mustLoad = true;
  #loading: Promise<void> | undefined;
  readonly #reload = new Backoff(() => void this.#load());
  #older: Promise<void> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;

  constructor(options: InboxOptions, events: Emitter<InboxEvents>, publish: () => void) {
    this.#events = events;
    this.#publish = publish;
    const url = new URL(options.url, globalThis.document?.baseURI ?? globalThis.location?.href).href.replace(/\/$/, '');
    const EventSource = options.eventSource ?? globalThis.EventSource;
    // A page without one, as in jsdom, has its list all the same.
    if (!EventSource && typeof document !== 'object') {
      throw new TypeError('There is no EventSource here: pass `eventSource`.');
    }
    this.#pageSize = options.pageSize ?? 20;
    this.#api = new InboxApi({ ...options, url });
    this.changes = new InboxChanges({
      api: this.#api,
      list: this.#list,
      isOpen: () => this.isOpen,
      loaded: async () => {
        await this.#load();
        if (this.isOpen && !this.#list.isLoaded) throw this.#error;
      },
      onChange: () => this.#follow(),
      onError: (error) => this.#failed(error),
    });
    this.#stream = new SharedStream({
      name: options.user === undefined ? undefined : JSON.stringify(['nestjs-crm-notifications', url, options.user]),
      EventSource,
      withCredentials: !options.token,
      url: async () => {
        if (!this.#list.isLoaded) await this.#load();
        if (!this.#list.isLoaded) throw this.#error;
        // A JWT has no characters that mean anything in a URL.
        return `${url}/stream?token=${await this.#api.streamToken()}&lastEventId=${this.#cursor}`;
      },
      probe: (stream) => this.#api.probeStream(stream.slice(url.length)),
      onFrame: (frame, data, toast) => this.#receive(frame, data, toast),
      onMalformed: () => {
        this.#mustLoad = true;
        this.#follow();
      },
      onStatus: (status, error) => this.#setStatus(status, error),
      onError: (error) => this.#mayGoOn(error),
      position: () => ({ cursor: this.#cursor, numbers: this.#list.newest }),
      onWake: () => this.#retry(),
      onPosition: (cursor, numbers) => this.#catchUp(cursor, numbers),
    });
    this.#stream.open();
    void this.#load();
  }

  get isOpen(): boolean {
    return this.#status !== 'closed' && this.#status !== 'signed-out';
  }

  state(): InboxState {
    return {
      status: this.#status,
      items: Object.freeze(this.#list.shown),
      unread: this.#list.unread,
      hasMore: this.#list.nextBefore !== null,
      loading: !!this.#older || (!!this.#loading && !this.#list.isLoaded),
      error: this.#error ?? this.#streamError,
    };
  }

  /** Tries at once what waits for its next attempt. */
  check(): void {
    this.#retry();
    this.#stream.check();
  }

  #retry(): void {
    if (this.#reload.isWaiting) this.#reload.now();
  }

  end(status: 'closed' | 'signed-out'): void {
    if (!this.isOpen) return;
    this.#status = status;
    this.#streamError = null;
    this.#stream.close();
    this.#reload.cancel();
    clearTimeout(this.#patience);
    this.#api.close();
    this.#publish();
  }

  loadMore(): Promise<void> {
    this.#older ??= this.#loadOlder().finally(() => {
      this.#older = undefined;
      this.#follow();
    });
    this.#publish();
    return quiet(this.#older);
  }

  // biome-ignore lint/suspicious/noExplicitAny: JSON
  #receive(frame: StreamFrame, data: any, toast: boolean): void {
    // What waited for its turn until after close().
    if (!this.isOpen) return;
    this.#events.emit('frame', frame);
    if (frame.event === 'message') this.#arrived(data, toast);
    if (frame.event === 'ready' && isOlder(data, this.#list.newest)) this.#startOver(data);
    if (frame.event === 'ready' || frame.event === 'state') this.#list.apply(data);
    if (frame.event === 'reset') {
      this.#cursor = data.lastId;
      this.#startOver(data);
    }
    if (frame.event === 'signal') this.#events.emit('signal', data);
    this.#follow();
  }

  #arrived(notification: InboxNotification, toast: boolean): void {
    if (this.#cursor !== null && notification.id <= this.#cursor) return;
    this.#cursor = notification.id;
    const known = this.#list.add(notification);
    if (known) this.#events.emit('notification', known, { toast: toast && !known.read });
  }

  /** What is shown may be wrong: the cursor was too far behind, or the database was set back. */
  #startOver(numbers: InboxNumbers): void {
    this.#list.reset(numbers);
    this.#mustLoad = true;
  }

  /** The leader was further than what it told this tab, which was away: as after the way back to a page. */
  #catchUp(cursor: number | null, numbers?: InboxNumbers): Promise<void> | undefined {
    if (numbers) this.#list.note(numbers);
    this.#follow();
    const from = this.#cursor;
    if (from === null || cursor === null || cursor <= from) return undefined;
    return this.#missed(from, cursor).then((missed) => {
      if (!this.isOpen) return;
      for (const notification of missed) this.#arrived(notification, false);
      this.#cursor = cursor;
      this.#mustLoad = true;
      this.#follow();
    });
  }

  /** What arrived after one id, up to another, oldest first; of very much the newest. Tries until the server answers. */
  async #missed(from: number, upTo: number): Promise<InboxNotification[]> {
    const missed: InboxNotification[] = [];
    let before: number | null = upTo + 1;
    while (this.isOpen && before !== null && before > from + 1 && missed.length < MAX_MISSED) {
      try {
        const page: InboxPage = await this.#api.page(MAX_PAGE, before);
        missed.push(...page.items.filter(({ id }) => id > from));
        before = page.nextBefore;
      } catch (error) {
        const { status = 500 } = this.#failed(error);
        if (status < 500 && status !== 429) break;
        await new Promise((resolve) => setTimeout(resolve, MISSED_AGAIN_MS));
      }
    }
    return missed.reverse();
  }

  #setStatus(status: StreamStatus, error?: InboxError): void {
    if (!this.isOpen) return;
    const known = this.#streamError;
    this.#streamError = status === 'live' ? null : (error ?? known);
    this.#wasLive ||= status === 'live';
    this.#status = status === 'connecting' && (this.#wasLive || this.#streamError) ? 'reconnecting' : status;
    this.#publish();
    // Once for all attempts that fail in the same way, and not again for a list that said so.
    if (error && error !== this.#error && error.message !== known?.message) this.#events.emit('error', error);
  }

  /** Shows what happened, and loads what it could not follow. */
  #follow(): void {
    this.#publish();
    if (!this.isOpen || this.#reload.isWaiting) return;
    if (this.#mustLoad || this.#list.isStale) void this.#load();
    else if (this.#list.isBehind) this.#waitForEvent();
  }

  /** What an answer told, an event should tell in a moment, with the details. */
  #waitForEvent(): void {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      this.#mustLoad ||= this.#list.isBehind;
      this.#follow();
    }, EVENT_WITHIN_MS);
  }

  /** Loads the newest notifications until nothing is missing; if that fails, again later. Never rejects. */
  #load(): Promise<void> {
    this.#reload.cancel();
    this.#loading ??= this.#loadNewest().then(
      () => {
        this.#loading = undefined;
        this.#follow();
      },
      (error) => {
        this.#loading = undefined;
        this.#mustLoad = true;
        this.#error = this.#failed(error);
        if (this.isOpen) this.#reload.again();
        this.#publish();
      },
    );
    return this.#loading;
  }

  async #loadNewest(): Promise<void> {
    while (this.isOpen && (this.#mustLoad || this.#list.isStale)) {
      this.#mustLoad = false;
      const known = this.#list.newest;
      const { told } = this.#list;
      const end = this.#list.nextBefore;
      // One page, however many are shown: those after it may be wrong by now, and are there again with loadMore().
      const page = await this.#api.page(Math.min(Math.max(this.#list.length, this.#pageSize), MAX_PAGE));
      // What is shown reaches further by now: loadMore() has been there.
      this.#mustLoad ||= this.#list.nextBefore !== end;
      // Of a time before a reset.
      if (this.#mustLoad) continue;
      if (isOlder(page, known) || page.revision < told) {
        // The database was set back, or the cookies are somebody else's by now.
        await this.#api.streamToken();
        this.#list.reset(page);
      }
      this.#list.replace(page);
      this.#cursor ??= page.lastId;
      this.#error = null;
      this.#reload.succeeded();
      this.#publish();
    }
  }

  async #loadOlder(): Promise<void> {
    await this.#loading;
    const before = this.#list.nextBefore;
    if (!this.isOpen || before === null) return;
    try {
      let page = await this.#api.page(this.#pageSize, before);
      // An event has overtaken the answer, which would make the whole list stale.
      if (isOlder(page, this.#list.newest)) page = await this.#api.page(this.#pageSize, before);
      this.#list.append(page, before);
      this.#error = null;
    } catch (error) {
      this.#error = this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): InboxError {
    const { code } = error as InboxError;
    const wasOpen = this.isOpen;
    // First, so that a listener can open() again.
    if (code === 'signed-out') this.end('signed-out');
    if (wasOpen) this.#events.emit('error', error as InboxError);
    return error as InboxError;
  }

  /** Whether there is any point in trying again. */
  #mayGoOn(error: InboxError): boolean {
    if (error.code === 'signed-out') this.#failed(error);
    return this.isOpen;
  }
}

/** What was asked later, and yet tells less, comes from a database that has lost commits. */
function isOlder(numbers: InboxNumbers, known: InboxNumbers): boolean {
  return numbers.lastId < known.lastId || numbers.revision < known.revision;
}
