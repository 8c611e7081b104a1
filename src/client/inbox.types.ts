import type { InboxNotification } from '../notifications/notification.js';
import type { InboxError } from './inbox-error.js';

/**
 * - `connecting`: the first attempt to open a stream is under way.
 * - `live`: what happens is shown as it happens.
 * - `reconnecting`: the stream was lost or could not be opened, and is tried again; what is shown may be out of date.
 *   `error` says why, once an attempt has failed.
 * - `signed-out`: the server answered 401, or `token` gave none. Nothing is tried until `open()`.
 * - `closed`: `close()` was called.
 */
export type InboxStatus = 'connecting' | 'live' | 'reconnecting' | 'signed-out' | 'closed';

/** What there is to show, at one moment. Never changed in place: whatever differs is a new object. */
export interface InboxState {
  readonly status: InboxStatus;
  /** Those loaded so far, newest first. */
  readonly items: readonly InboxNotification[];
  /** How many of all are unread, loaded or not: a badge shows it as it is. */
  readonly unread: number;
  /** Whether there are older ones for `loadMore()`. */
  readonly hasMore: boolean;
  /** Whether notifications are being loaded. */
  readonly loading: boolean;
  /**
   * Why they could not be loaded, else why there is no stream: its `code` and `status` say what came instead. Both are tried
   * again, whatever the reason. Null once they are loaded and the stream is live.
   */
  readonly error: InboxError | null;
}

/** One event of the stream, as it came: docs/wire-format.md. */
export interface StreamFrame {
  /** The event type, such as `message` or `state`. */
  readonly event: string;
  /** The last event ID. */
  readonly id: string;
  /** JSON. */
  readonly data: string;
}

/** What `on()` listens to, each with what its listeners are given. */
export interface InboxEvents {
  /**
   * A notification that arrived after the inbox was opened, once each, in their order. `toast` is true in one tab of
   * the browser only: the visible one, else the one that holds the stream.
   */
  notification: [notification: InboxNotification, context: { toast: boolean }];
  /** What the server's `signal()` sent: live only, and never kept. */
  signal: [signal: { type: string; data: unknown }];
  /**
   * What went wrong: a change that the server refused and that is therefore undone, a list that could not be loaded, or a
   * stream that could not be opened. The same failure of the stream is told once, however often it is tried.
   */
  error: [error: InboxError];
  /** Every event of the stream as it came, for debugging. */
  frame: [frame: StreamFrame];
}

/** A recipient's notifications in this browser. Its methods need no `this`: they can be passed on as they are. */
export interface Inbox {
  /** What there is to show now. The same object until something changes. */
  getState(): InboxState;
  /**
   * Calls the listener with the state at once and after every change, until the function that it returns is called.
   * With `getState` it is what React's `useSyncExternalStore` takes, and by itself a Svelte store.
   */
  subscribe(listener: (state: InboxState) => void): () => void;
  /** Listens until the function that it returns is called. */
  on<E extends keyof InboxEvents>(event: E, listener: (...args: InboxEvents[E]) => void): () => void;
  /** Loads the next page of older ones. Resolves when it is shown, or if there is none. */
  loadMore(): Promise<void>;
  /**
   * Marks these, or all that have arrived, as read: shown at once, undone if the server refuses.
   *
   * @throws {InboxError} if it was undone. Nothing is reported as unhandled when nobody awaits it: there is `on('error')`.
   */
  markRead(ids: number | readonly number[] | 'all'): Promise<void>;
  /** Marks these as unread, as `markRead` does. */
  markUnread(ids: number | readonly number[]): Promise<void>;
  /** Removes these from the inbox, as `markRead` does. */
  remove(ids: number | readonly number[]): Promise<void>;
  /** Starts again after `signed-out` or `close()`, and tries again at once what waits for its next attempt. */
  open(): void;
  /** Ends the stream, and all that it does. */
  close(): void;
}
