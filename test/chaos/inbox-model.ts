/** Counters of an inbox, as frames and answers carry them. */
export interface Numbers {
  lastId: number;
  unread: number;
  revision: number;
}

export interface Item {
  id: number;
  read: boolean;
  op: number;
}

/** What `state` may tell besides the numbers. */
interface Details {
  read?: number[];
  readUpTo?: number;
  unreadIds?: number[];
  removed?: number[];
}

/** The first page of `GET /notifications`. */
export interface Page extends Numbers {
  items: Item[];
  nextBefore: number | null;
}

/**
 * What a client shows: its newest notifications and the badge, kept by the rules of the wire format. It holds the first
 * page, as far back as that went, and all that came since.
 */
export class InboxModel {
  numbers?: Numbers;
  /** By id; complete from `floor` on. */
  readonly items = new Map<number, Item>();
  /** Nothing is known of ids below. */
  floor = Number.MAX_SAFE_INTEGER;
  /** The page that was loaded last goes up to here. */
  private loadedUpTo = -1;
  private givenUpTo = -1;
  /** What is shown is that of this revision. */
  private revision = -1;
  /** The stream gives nothing up to here: only a page that goes so far has it. */
  private startedAt = 0;

  /** Nothing up to here is still to come by the stream. */
  get knownUpTo(): number {
    return Math.max(this.loadedUpTo, this.givenUpTo);
  }

  /** What is shown is older than the numbers: it must be loaded again. */
  get isOutdated(): boolean {
    return this.numbers === undefined || this.revision < this.numbers.revision || this.loadedUpTo < this.startedAt;
  }

  /** Of any frame that carries them. @returns whether its details were applied. */
  onNumbers(numbers: Numbers, details: Details = {}): boolean {
    if (this.numbers && versionOf(numbers) <= versionOf(this.numbers)) return false;
    const isNext = numbers.revision === this.revision + 1 && hasAny(details);
    if (isNext) {
      this.apply(details);
      this.revision = numbers.revision;
    }
    this.numbers = pick(numbers);
    return isNext;
  }

  onMessage(item: Item): void {
    // The page is newer than what the stream still had to give.
    this.givenUpTo = item.id;
    if (item.id > this.loadedUpTo) this.items.set(item.id, item);
  }

  /** The stream starts here: it had no cursor, or none that it could go on from. */
  onStart(lastId: number): void {
    this.startedAt = lastId;
  }

  /** A page has been loaded. One that is older than what the stream has told meanwhile changes nothing. */
  onPage(page: Page): void {
    if (this.numbers && page.revision < this.numbers.revision) return;
    if (page.lastId < this.startedAt || page.revision < this.revision) return;
    for (const id of this.items.keys()) if (id <= page.lastId) this.items.delete(id);
    for (const item of page.items) this.items.set(item.id, item);
    this.floor = page.nextBefore ?? 0;
    this.loadedUpTo = page.lastId;
    this.revision = page.revision;
    if (!this.numbers || versionOf(page) > versionOf(this.numbers)) this.numbers = pick(page);
  }

  private apply({ read, readUpTo = -1, unreadIds, removed }: Details): void {
    for (const id of removed ?? []) this.items.delete(id);
    for (const id of read ?? []) this.mark(id, true);
    for (const id of unreadIds ?? []) this.mark(id, false);
    for (const id of this.items.keys()) if (id <= readUpTo) this.mark(id, true);
  }

  private mark(id: number, read: boolean): void {
    const item = this.items.get(id);
    if (item) this.items.set(id, { ...item, read });
  }
}

/** Newer than another if greater. */
function versionOf({ lastId, revision }: Numbers): number {
  return lastId + revision;
}

function hasAny({ read, readUpTo, unreadIds, removed }: Details): boolean {
  return (read ?? readUpTo ?? unreadIds ?? removed) !== undefined;
}

function pick({ lastId, unread, revision }: Numbers): Numbers {
  return { lastId, unread, revision };
}
