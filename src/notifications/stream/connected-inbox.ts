import type { StreamPage } from '../inbox/stream-page.js';
import type { Change, InboxKey, InboxNumbers } from '../notification.js';
import type { Connection } from './connection.js';
import { versionOf } from './frame.js';
import type { InboxReader } from './inbox-reader.js';
import { Update } from './update.js';

export interface InboxReaders {
  /** Reads for the connections that are live, all at once. */
  readonly live: InboxReader;
  /** Reads for each connection that isn't. */
  readonly catchingUp: InboxReader;
  /** An inbox of the tenant has broadcasts to get, which the read has not fetched. */
  onBehind(tenant: string): void;
}

/** An inbox that has connections on this instance: reads it once for all of them, one read at a time. */
export class ConnectedInbox {
  readonly connections = new Set<Connection>();
  /** The newest that any read has told; undefined before the first. */
  newest?: { numbers: InboxNumbers; streamsValidFrom: number };

  private reading = false;
  private dirty = false;
  private change?: Change;

  constructor(
    readonly key: InboxKey,
    private readonly readers: InboxReaders,
    private readonly onLeft: (connection: Connection, inbox: ConnectedInbox) => void,
  ) {}

  /** Something may have happened: look, once more if a look is under way. */
  refresh(change?: Change): void {
    this.dirty = true;
    this.change = change ?? this.change;
    if (!this.reading) void this.run();
  }

  /** Takes what this instance has just stored, without reading it: half of what a notification costs. */
  arrived(page: StreamPage): void {
    // It comes late; or Postgres has lost commits, which reading finds out.
    if (!this.note(page)) {
      this.refresh();
      return;
    }
    const update = new Update(page, page.numbers.lastId - page.items.length);
    for (const connection of [...this.connections]) connection.offer(update);
  }

  /** Reads for one connection that isn't live. Never resolves once that is not wanted any more. */
  async catchUp(after: number | null, isWanted: () => boolean): Promise<StreamPage> {
    return await this.read(this.readers.catchingUp, after, isWanted);
  }

  left(connection: Connection): void {
    this.connections.delete(connection);
    this.onLeft(connection, this);
  }

  /** Reads, and notes what the page tells. See `InboxReader.read`. */
  private async read(reader: InboxReader, after: number | null, isWanted: () => boolean): Promise<StreamPage> {
    const before = this.newest;
    const version = before && versionOf(before.numbers);
    const page = await reader.read(this.key, after, isWanted);
    if (page.behind) this.readers.onBehind(this.key.tenant);
    // This read began after the other had ended, and knows less: Postgres has lost commits, as in a failover to a replica
    // that was behind. What clients hold may be wrong; they come back, are ahead of the inbox, and get `reset`.
    if (before === this.newest && version !== undefined && versionOf(page.numbers) < version) {
      this.newest = undefined;
      for (const connection of [...this.connections]) connection.end('age');
    }
    // Streams that are live may not know what this one tells, if its hint was lost, and no sweep would find what is noted.
    if (this.note(page) && reader !== this.readers.live) this.refresh();
    return page;
  }

  /**
   * Remembers what a page told, and ends the streams that a `disconnect()` has revoked.
   *
   * @returns whether it told more than earlier ones.
   */
  private note(page: StreamPage): boolean {
    const { numbers, streamsValidFrom } = page;
    let isNews = false;
    if (!this.newest) {
      this.newest = { numbers, streamsValidFrom };
    } else {
      isNews = versionOf(numbers) > versionOf(this.newest.numbers);
      if (isNews) this.newest.numbers = numbers;
      this.newest.streamsValidFrom = Math.max(this.newest.streamsValidFrom, streamsValidFrom);
    }
    for (const connection of [...this.connections]) {
      if (this.isRevoked(connection)) connection.end('revoked');
    }
    return isNews;
  }

  /** Has any read told of a `disconnect()` since this connection was let in? */
  isRevoked({ validFrom }: Connection): boolean {
    return validFrom !== undefined && this.newest !== undefined && validFrom < this.newest.streamsValidFrom;
  }

  /** Has any read told more than this page? */
  isOutdated(page: StreamPage): boolean {
    return this.newest !== undefined && versionOf(this.newest.numbers) > versionOf(page.numbers);
  }

  private async run(): Promise<void> {
    this.reading = true;
    while (this.dirty && this.connections.size > 0) {
      this.dirty = false;
      const { change } = this;
      this.change = undefined;
      const live = [...this.connections].filter((connection) => connection.isLive);
      const after = live.length > 0 ? Math.min(...live.map((connection) => connection.position)) : null;
      const page = await this.read(this.readers.live, after, () => this.connections.size > 0);
      const update = new Update(page, after, change);
      for (const connection of [...this.connections]) connection.offer(update);
      this.dirty ||= page.more;
    }
    this.reading = false;
  }
}
