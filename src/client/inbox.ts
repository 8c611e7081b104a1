import { Emitter } from './emitter.js';
import type { EventSourceConstructor } from './event-stream.js';
import type { Inbox, InboxEvents, InboxState } from './inbox.types.js';
import { InboxSession } from './inbox-session.js';

/** Whose inbox to open, and how to get there. */
export interface InboxOptions {
  /**
   * Where the module answers: its `path`, such as `/notifications`, or a whole URL for another origin (see the module's
   * option `cors`). Outside of a browser it must be a whole URL.
   */
  url: string;
  /**
   * Who is signed in: the recipient's id, with the tenant where there are several. All tabs of this browser with the same
   * `url` and `user` share one stream.
   *
   * @default none: this tab has a stream of its own
   */
  user?: string;
  /**
   * Gives the access token. Asked before every request, so that it may renew it; null means that nobody is signed in.
   *
   * @default none: the browser sends its cookies
   */
  token?: () => string | null | undefined | Promise<string | null | undefined>;
  /** How many notifications are loaded at a time, 1–100. @default 20 */
  pageSize?: number;
  /** What makes streams, such as the package `eventsource` outside of a browser. @default the global `EventSource` */
  eventSource?: EventSourceConstructor;
  /** @default the global `fetch` */
  fetch?: typeof fetch;
}

/**
 * Opens the inbox of the recipient whom the credentials name, and keeps it up to date until it is closed.
 *
 * @throws {TypeError} if the URL is none, or if there is no `EventSource` here and none was given.
 */
export function createInbox(options: InboxOptions): Inbox {
  const events = new Emitter<InboxEvents & { state: [InboxState] }>();
  let session: InboxSession;
  let last: InboxState | undefined;
  let published: InboxState | undefined;
  let isOutdated = true;
  let isPublishing = false;

  function open(): void {
    if (session?.isOpen) session.check();
    else session = new InboxSession(options, events, publish);
    publish();
  }

  /** Something may have changed: whoever subscribed is told once for all that happens in one go. */
  function publish(): void {
    isOutdated = true;
    if (isPublishing) return;
    isPublishing = true;
    queueMicrotask(() => {
      isPublishing = false;
      const state = getState();
      if (state === published) return;
      published = state;
      events.emit('state', state);
    });
  }

  function getState(): InboxState {
    if (last && !isOutdated) return last;
    isOutdated = false;
    const state = session.state();
    const names = Object.keys(state) as (keyof InboxState)[];
    if (!last || names.some((name) => state[name] !== last?.[name])) last = Object.freeze(state);
    return last;
  }

  open();
  return {
    getState,
    subscribe(listener) {
      listener(getState());
      return events.on('state', listener);
    },
    on: (event, listener) => events.on(event, listener as never),
    loadMore: () => session.loadMore(),
    markRead: (ids) => session.changes.markRead(ids),
    markUnread: (ids) => session.changes.markUnread(ids),
    remove: (ids) => session.changes.remove(ids),
    open,
    close: () => session.end('closed'),
  };
}
