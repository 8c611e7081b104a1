import type { InboxNumbers } from '../notifications/notification.js';
import type { InboxApi } from './inbox-api.js';
import { InboxError } from './inbox-error.js';
import type { NotificationList, Wish } from './notification-list.js';

type Ids = number | readonly number[];

export interface InboxChangesOptions {
  api: InboxApi;
  list: NotificationList;
  isOpen(): boolean;
  /** Resolves when the list is loaded, or couldn't be: then it throws why. */
  loaded(): Promise<void>;
  /** The list looks different. */
  onChange(): void;
  /** One was refused. */
  onError(error: unknown): void;
}

/**
 * What the user changes: shown at once, undone if the server refuses. Changes go to the server one after the other, so
 * that each answer follows the one before.
 */
export class InboxChanges {
  readonly #options: InboxChangesOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: InboxChangesOptions) {
    this.#options = options;
  }

  markRead(ids: Ids | 'all'): Promise<void> {
    if (ids === 'all') return quiet(this.#markAllRead());
    const read = several(ids);
    return read.length === 0 ? Promise.resolve() : this.#change({ read }, (api) => api.markRead(read));
  }

  markUnread(ids: Ids): Promise<void> {
    return this.#each(ids, (id) => this.#change({ unreadIds: [id] }, (api) => api.markUnread(id)));
  }

  remove(ids: Ids): Promise<void> {
    return this.#each(ids, (id) => this.#change({ removed: [id] }, (api) => api.remove(id)));
  }

  async #markAllRead(): Promise<void> {
    const { list, loaded } = this.#options;
    // What there is isn't known before.
    if (!list.isLoaded) await loaded();
    const { lastId } = list.newest;
    if (lastId > 0) await this.#change({ readUpTo: lastId }, (api) => api.markReadUpTo(lastId));
  }

  #each(ids: Ids, change: (id: number) => Promise<void>): Promise<void> {
    return quiet(Promise.all(several(ids).map(change)).then(() => {}));
  }

  #change(wish: Wish, request: (api: InboxApi) => Promise<InboxNumbers>): Promise<void> {
    const { api, list, isOpen, onChange, onError } = this.#options;
    if (isOpen()) {
      list.wish(wish);
      onChange();
    }
    const changed = this.#last.then(async () => {
      try {
        // Whoever is signed in by now may be somebody else, who has notifications with the same ids.
        if (!isOpen()) throw new InboxError('closed', 'The inbox is closed.');
        list.agreed(wish, await request(api));
      } catch (error) {
        list.refused(wish);
        onError(error);
        throw error;
      } finally {
        onChange();
      }
    });
    this.#last = changed.catch(() => {});
    return changed;
  }
}

/** Whoever doesn't await it has `on('error')`: nothing is reported as unhandled. */
export function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function several(ids: Ids): readonly number[] {
  return [...new Set([ids].flat())];
}
