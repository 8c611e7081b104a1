import type { InboxNotification, InboxNumbers, InboxPage } from '../../src/notifications/index.js';
import { type ReceivedFrame, StreamClient } from './stream-client.js';

const DETAILS = ['read', 'readUpTo', 'unreadIds', 'removed'];

/**
 * What a client knows of an inbox that follows the rules of the wire format to the letter: numbers are newer only if
 * `lastId + revision` is greater; details apply only at the own revision + 1; anything else that is newer is reloaded.
 */
export class InboxModel {
  /** The newest that any frame or answer has told: what a badge shows. */
  numbers: InboxNumbers = { lastId: 0, unread: 0, revision: 0 };
  /** The list, by id. */
  readonly items = new Map<number, InboxNotification>();
  /** How often the list had to be loaded, and how often details were enough. */
  reloads = 0;
  details = 0;
  /** What went wrong while following; rethrown by `close()`. */
  private error: unknown;
  /** The revision that the list stands at, and the id up to which a load has told what there is. */
  private revision = -1;
  private loadedUpTo = 0;
  private stream?: StreamClient;
  private loading?: Promise<void>;
  private following?: Promise<void>;

  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  /** Opens a stream where the last one ended, and loads the list if anything has changed. */
  async connect(url = this.url): Promise<void> {
    await this.disconnect();
    const lastEventId = this.stream?.lastEventId;
    this.stream = await StreamClient.open(url, this.token, { lastEventId });
    this.following = this.follow(this.stream).catch((error) => {
      this.error ??= error;
    });
  }

  /** Drops the connection; the list stays, and is out of date. */
  async disconnect(): Promise<void> {
    this.stream?.close();
    await this.following;
    await this.loading;
    if (this.error) throw this.error;
  }

  /** Ids of what it shows as unread, ascending. */
  get unreadIds(): number[] {
    return this.ids.filter((id) => !this.items.get(id)?.read);
  }

  /** Ids of what it shows, ascending. */
  get ids(): number[] {
    return [...this.items.keys()].sort((a, b) => a - b);
  }

  /** Whether the list is that of the numbers shown. */
  get isSettled(): boolean {
    return this.loading === undefined && this.revision === this.numbers.revision;
  }

  private async follow(stream: StreamClient): Promise<void> {
    for (let seen = 0; !stream.ended; ) {
      await stream.until(() => stream.frames.length > seen || stream.ended, 2 ** 31 - 1);
      for (; seen < stream.frames.length; seen++) this.apply(stream.frames[seen] as ReceivedFrame);
    }
  }

  private apply({ event, data }: ReceivedFrame): void {
    if (event === 'message') this.arrived(data);
    if (event === 'state') this.changed(data);
    if (event === 'ready' || event === 'reset') {
      this.update(data);
      if (event === 'reset' || data.revision !== this.revision) this.reload();
    }
  }

  private arrived(item: InboxNotification): void {
    // What a load has told is newer: it may have been read or removed since this frame was written.
    if (item.id > this.loadedUpTo) this.items.set(item.id, item);
  }

  private changed(state: InboxNumbers & Details): void {
    if (!this.update(state) || state.revision === this.revision) return;
    const known = DETAILS.some((detail) => detail in state);
    if (known && state.revision === this.revision + 1 && !this.loading) this.applyDetails(state);
    else this.reload();
  }

  private applyDetails({ revision, read = [], readUpTo = 0, unreadIds = [], removed = [] }: InboxNumbers & Details) {
    for (const [id, item] of this.items) if (id <= readUpTo) item.read = true;
    for (const id of read) this.mark(id, true);
    for (const id of unreadIds) this.mark(id, false);
    for (const id of removed) this.items.delete(id);
    this.revision = revision;
    this.details += 1;
  }

  private mark(id: number, read: boolean): void {
    const item = this.items.get(id);
    if (item) item.read = read;
  }

  /** @returns whether they are newer than what it had. */
  private update({ lastId, unread, revision }: InboxNumbers): boolean {
    if (lastId + revision <= this.numbers.lastId + this.numbers.revision) return false;
    this.numbers = { lastId, unread, revision };
    return true;
  }

  private reload(): void {
    this.loading ??= this.load()
      .catch((error) => {
        this.error ??= error;
      })
      .finally(() => {
        this.loading = undefined;
      });
  }

  /** Loads the whole list, again if it has changed meanwhile. */
  private async load(): Promise<void> {
    do {
      let list = await this.list();
      while (list === undefined) list = await this.list();
      for (const id of this.items.keys()) if (id <= list.lastId) this.items.delete(id);
      for (const item of list.items) this.items.set(item.id, item);
      this.loadedUpTo = Math.max(this.loadedUpTo, list.lastId);
      this.revision = list.revision;
      this.update(list);
    } while (this.revision < this.numbers.revision);
  }

  /** @returns undefined if it changed between two pages. */
  private async list(): Promise<InboxPage | undefined> {
    this.reloads += 1;
    const first = await this.page();
    const items = [...first.items];
    for (let page = first; page.nextBefore !== null; ) {
      page = await this.page(page.nextBefore);
      if (page.revision !== first.revision) return undefined;
      items.push(...page.items);
    }
    return { ...first, items };
  }

  private async page(before?: number): Promise<InboxPage> {
    const query = before === undefined ? '' : `&before=${before}`;
    const response = await fetch(`${this.url}/notifications?limit=100${query}`, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    if (!response.ok) throw new Error(`The list was answered ${response.status}`);
    return (await response.json()) as InboxPage;
  }
}

interface Details {
  read?: number[];
  readUpTo?: number;
  unreadIds?: number[];
  removed?: number[];
}
