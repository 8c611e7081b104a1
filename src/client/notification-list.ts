import type { InboxNotification, InboxNumbers, InboxPage } from '../notifications/notification.js';

/** What happened to notifications that were there already: one of these, as a `state` event has it. */
export interface Change {
  readonly read?: readonly number[];
  readonly readUpTo?: number;
  readonly unreadIds?: readonly number[];
  readonly removed?: readonly number[];
}

/** A change that was asked for, and is shown before the server has agreed. */
export interface Wish extends Change {
  /** The revision of the answer: a list that stands there holds what was wished for. */
  agreedAt?: number;
}

type Items = readonly InboxNotification[];

/** The most that arrivals make a list grow to; the oldest can be loaded again. */
const MAX_ITEMS = 1_000;
const NOTHING: InboxNumbers = { lastId: 0, unread: 0, revision: -1 };

/**
 * What this tab knows of the inbox: the newest part of it, and the numbers. It follows docs/wire-format.md to the letter:
 * whatever it could not follow makes it stale, and then it has to be loaded again.
 */
export class NotificationList {
  /** Where older ones go on; null at the end. */
  nextBefore: number | null = null;
  /** Newest first, as the server holds them. */
  #items: Items = [];
  /** The revision that the items stand at; -1 before they are loaded. */
  #revision = -1;
  /** The id up to which a load has told what there is: what a late event says of those is older. */
  #loadedUpTo = 0;
  #numbers = NOTHING;
  /** What led to it was told before, or never will be. */
  #told = -1;
  readonly #wishes = new Set<Wish>();

  get isLoaded(): boolean {
    return this.#revision >= 0;
  }

  /** Has anything happened that the items don't show, and no event will tell? */
  get isStale(): boolean {
    return this.#revision < this.#told;
  }

  /** Has anything happened that the items don't show? An answer may be here before the event. */
  get isBehind(): boolean {
    return this.#revision < this.#numbers.revision;
  }

  /** The newest revision that an event told; -1 if none has since the list was reset. */
  get told(): number {
    return this.#told;
  }

  get length(): number {
    return this.#items.length;
  }

  /** The newest numbers that any event or answer told. */
  get newest(): InboxNumbers {
    return this.#numbers;
  }

  /** What to show: with what was wished for. */
  get shown(): Items {
    let items = this.#items;
    for (const wish of this.#wishes) if (!this.#holds(wish, this.#revision)) items = changed(items, wish);
    return items;
  }

  /** The badge. Of what was wished for it can only know how it changes those that are loaded. */
  get unread(): number {
    let items = this.#items;
    let { unread } = this.#numbers;
    for (const wish of this.#wishes) {
      if (this.#holds(wish, this.#numbers.revision)) continue;
      const after = changed(items, wish);
      unread = wish.readUpTo === undefined ? unread + unreadIn(after) - unreadIn(items) : unreadIn(after);
      items = after;
    }
    return Math.max(0, unread);
  }

  /**
   * Adds a notification that arrived.
   *
   * @returns it as it stands now; undefined if it is gone already.
   */
  add(item: InboxNotification): InboxNotification | undefined {
    const known = this.#items.find(({ id }) => id === item.id);
    if (known) return known;
    if (item.id <= this.#loadedUpTo) return item.id < (this.nextBefore ?? 0) ? item : undefined;
    const items = [item, ...this.#items].sort((a, b) => b.id - a.id);
    if (items.length > MAX_ITEMS) {
      items.length = MAX_ITEMS;
      this.nextBefore = items[MAX_ITEMS - 1]?.id ?? null;
    }
    this.#items = items;
    return item;
  }

  /** Takes what a `ready` or `state` event told. */
  apply(event: InboxNumbers & Change): void {
    this.note(event);
    this.#told = Math.max(this.#told, event.revision);
    const { read, readUpTo, unreadIds, removed } = event;
    const details = read ?? readUpTo ?? unreadIds ?? removed;
    if (!details || event.revision !== this.#revision + 1) return;
    this.#items = changed(this.#items, event);
    this.#revision = event.revision;
    this.#tidy();
  }

  /** Takes what a `reset` event told, also if it is behind: the database may have been set back. */
  reset(numbers: InboxNumbers): void {
    this.#numbers = NOTHING;
    this.note(numbers);
    this.#items = this.#items.filter(({ id }) => id <= numbers.lastId);
    this.#revision = -1;
    this.#told = -1;
    this.#loadedUpTo = 0;
  }

  /** Takes the newest part, as it has just been loaded, in place of what it has. */
  replace(page: InboxPage): void {
    if (page.revision < this.#revision) return;
    const arrived = this.#items.filter(({ id }) => id > page.lastId);
    this.#items = [...arrived, ...page.items];
    this.nextBefore = page.nextBefore;
    this.#loadedUpTo = page.lastId;
    this.#revision = page.revision;
    this.note(page);
    this.#tidy();
  }

  /** Takes a page of those before an id. What another revision tells is right, and makes the rest stale. */
  append(page: InboxPage, before: number): void {
    // The end is elsewhere by now.
    if (before !== this.nextBefore) return;
    this.#items = [...this.#items, ...page.items];
    this.nextBefore = page.nextBefore;
    if (page.revision < this.#revision) this.#revision = page.revision;
    this.note(page);
  }

  wish(wish: Wish): void {
    this.#wishes.add(wish);
  }

  /**
   * The server has agreed: the wish stays until the items hold it. They don't take it from the answer: that may have
   * overtaken events, and where nothing was to be changed its revision is somebody else's.
   */
  agreed(wish: Wish, numbers: InboxNumbers): void {
    wish.agreedAt = numbers.revision;
    this.note(numbers);
    this.#tidy();
  }

  /** The server has refused: all is as before. */
  refused(wish: Wish): void {
    this.#wishes.delete(wish);
  }

  /** Keeps the newest: ids tell arrivals, the revision tells changes, and neither ever falls. */
  note({ lastId, unread, revision }: InboxNumbers): void {
    if (lastId + revision > this.#numbers.lastId + this.#numbers.revision) this.#numbers = { lastId, unread, revision };
  }

  #holds({ agreedAt }: Wish, revision: number): boolean {
    // NaN before the server has agreed.
    return Number(agreedAt) <= revision;
  }

  #tidy(): void {
    for (const wish of this.#wishes) if (this.#holds(wish, this.#revision)) this.#wishes.delete(wish);
  }
}

function changed(items: Items, { read, readUpTo = 0, unreadIds, removed }: Change): Items {
  const readIds = new Set(read);
  const unread = new Set(unreadIds);
  const gone = new Set(removed);
  return items
    .filter(({ id }) => !gone.has(id))
    .map((item) => {
      if (!item.read && (item.id <= readUpTo || readIds.has(item.id))) return { ...item, read: true };
      return item.read && unread.has(item.id) ? { ...item, read: false } : item;
    });
}

function unreadIn(items: Items): number {
  return items.filter(({ read }) => !read).length;
}
