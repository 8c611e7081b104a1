import type { Socket } from 'node:net';
import type { StreamPage } from '../inbox/stream-page.js';
import type { InboxNumbers } from '../notification.js';
import { MAX_TIMER_MS } from '../timer-limit.js';
import type { ConnectedInbox } from './connected-inbox.js';
import { formatCursor, parseCursor } from './cursor.js';
import { type CloseReason, closeFrame, type Frame, readyFrame, resetFrame, versionOf } from './frame.js';
import { type Outlet, Pacer } from './pacer.js';
import { isGone } from './transport.js';
import { Update } from './update.js';

export interface ConnectionOptions extends Outlet {
  lastEventId?: string;
  expiresAt?: Date;
  /** `streamsValidFrom` when the client's credentials were checked: a `disconnect()` since then ends the stream. */
  validFrom?: number;
  /** Takes frames that belong together; see {@link Outlet.flush}. */
  next(frames: readonly Frame[]): void;
  /** Is called once, when the server ends the stream. */
  complete(): void;
}

/** What holds for every connection: the module's options of the same names. */
export interface ConnectionLimits {
  heartbeatMs: number;
  retryMs: number;
  slowClientMs: number;
  maxStreamAgeMs: number | null;
  maxPendingBytes: number;
  maxReplay: number;
}

/**
 * One event stream of one client. It keeps its own position, and takes and labels frames by that alone: what it is
 * offered is either the next thing, or a reason to read on by itself.
 */
export class Connection {
  /** Offered what the hub reads; otherwise it is reading by itself, or waits for its client to take more. */
  isLive = false;
  /** Everything up to here has been given, or is gone. Where the next read starts. */
  position = 0;
  validFrom?: number;

  private isOpen = false;
  /** The client's last event ID after the next frame. */
  private lastEventId: string;
  private numbers: InboxNumbers = { lastId: 0, unread: 0, revision: 0 };
  private readonly cursor: number | null | undefined;
  private readonly pacer: Pacer;
  private readonly endsAt: number;
  slot?: number;
  private expiry?: NodeJS.Timeout;
  private closed = false;
  private readonly isWanted = () => !this.closed;

  constructor(
    private readonly inbox: ConnectedInbox,
    private readonly limits: ConnectionLimits,
    private readonly options: ConnectionOptions,
  ) {
    this.pacer = new Pacer(options, limits.maxPendingBytes);
    this.validFrom = options.validFrom;
    this.cursor = parseCursor(options.lastEventId);
    this.lastEventId = formatCursor(this.cursor);
    // Give or take a tenth, so that clients that came together don't return together.
    this.endsAt =
      limits.maxStreamAgeMs === null ? Infinity : Date.now() + limits.maxStreamAgeMs * (0.9 + Math.random() / 5);
    this.watchExpiry(Date.now());
  }

  /** Says where the inbox stands, replays what the client has missed, and goes live. */
  async open(): Promise<void> {
    const { cursor } = this;
    const after = cursor ?? null;
    const page = await this.inbox.catchUp(after, this.isWanted);
    if (this.closed) return;
    this.validFrom ??= page.streamsValidFrom;
    if (this.inbox.isRevoked(this)) return this.end('revoked');

    const { lastId } = page.numbers;
    const missed = typeof cursor === 'number' ? lastId - cursor : 0;
    const lost = cursor === null || missed < 0 || missed > this.limits.maxReplay;
    const start = typeof cursor === 'number' && !lost ? cursor : lastId;
    this.position = start;
    this.lastEventId = String(start);
    this.numbers = page.numbers;
    this.send([readyFrame(start, page.numbers, this.limits.heartbeatMs, this.limits.retryMs)]);
    if (lost) this.send([resetFrame(page.numbers)]);
    this.isOpen = true;
    await this.continueFrom(lost ? { ...page, items: [], more: false } : page, after);
  }

  /** Offers what the hub has read after `after`. */
  offer(update: Update): void {
    if (!this.isLive) return;
    const items = update.items.filter((item) => item.id > this.position);
    if (items.length === 0 && !this.isNews(update.numbers)) return;
    const gap = update.after === null || update.after > this.position;
    if (gap || this.pacer.isFull) void this.catchUp();
    else this.give(update, items);
  }

  /** Passes a signal on, if the client is reading. What is too much at once is dropped: nobody could pace the caller. */
  signal(json: string): void {
    if (this.isOpen && this.pacer.takesMore) {
      this.send([{ type: 'signal', id: this.lastEventId, data: json }]);
    }
  }

  /** Sends what is due: a ping, or the end of a stream that is too old or too slow. */
  tick(now: number): void {
    this.watchExpiry(now);
    if (this.pacer.stalledFor(now) >= this.limits.slowClientMs) this.end('slow');
    else if (now >= this.endsAt) this.end('age');
    else if (this.isOpen && !this.pacer.isStalled) this.send([{ type: 'ping', id: this.lastEventId, data: '{}' }]);
  }

  /**
   * Ends the stream from our side, telling the client why.
   *
   * @param retryMs when it should come back.
   * @param withinMs a response that has not been handed over by then is cut off.
   */
  end(reason: CloseReason, retryMs?: number, withinMs = this.limits.slowClientMs): void {
    if (this.closed) return;
    // A client that isn't reading won't see it.
    const stalled = this.pacer.isStalled;
    if (!stalled) this.options.next([closeFrame(this.lastEventId, reason, retryMs)]);
    if (reason === 'shutdown') this.hangUp();
    this.close();
    this.options.complete();
    this.cutOffAfter(stalled ? 0 : withinMs);
  }

  /** Resolves when the response has been handed over, or the client has left. */
  gone(): Promise<void> {
    const { output } = this.options;
    if (!output || output.closed || output.destroyed) return Promise.resolve();
    return new Promise((resolve) => output.once('close', resolve));
  }

  /** The client has left, or the stream has ended. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.isLive = false;
    clearTimeout(this.expiry);
    this.pacer.close();
    this.inbox.left(this);
  }

  /** Closes the stream of a client that is gone, where no event has told so. */
  closeIfGone(): void {
    const { output } = this.options;
    if (!output || !isGone(output)) return;
    this.close();
    this.options.complete();
    output.destroy();
  }

  /** Kept alive, the connection would bring its client back again and again to a server that waits for it to close. */
  private hangUp(): void {
    const { output } = this.options;
    const { socket } = (output ?? {}) as { socket?: Partial<Socket> | null };
    output?.once('finish', () => socket?.destroySoon?.());
  }

  /** A response whose client isn't reading would never finish. */
  private cutOffAfter(ms: number): void {
    const { output } = this.options;
    if (!output || output.closed) return;
    if (ms === 0) return void output.destroy();
    const timer = setTimeout(() => output.destroy(), ms);
    timer.unref();
    output.once('close', () => clearTimeout(timer));
  }

  /** Goes on by its own position as soon as the client can take more. */
  private async catchUp(): Promise<void> {
    this.isLive = false;
    if (!(await this.pacer.drained())) return;
    const after = this.position;
    const page = await this.inbox.catchUp(after, this.isWanted);
    await this.continueFrom(page, after);
  }

  /** Gives a page and those after it, then goes live, with no moment in between in which something could be missed. */
  private async continueFrom(first: StreamPage, firstAfter: number | null): Promise<void> {
    let [page, after] = [first, firstAfter];
    while (!this.closed) {
      if (page.items.length > 0 || this.isNews(page.numbers)) this.give(new Update(page, after), page.items);
      if (!page.more && !this.inbox.isOutdated(page)) {
        this.position = Math.max(this.position, page.numbers.lastId);
        this.isLive = true;
        return;
      }
      if (!(await this.pacer.drained())) return;
      after = this.position;
      page = await this.inbox.catchUp(after, this.isWanted);
    }
  }

  private give(update: Update, items: Update['items']): void {
    const frames: Frame[] = items.map(({ id, json }) => ({ id: String(id), data: json }));
    this.lastEventId = frames.at(-1)?.id ?? this.lastEventId;
    this.position = update.more ? (items.at(-1)?.id ?? this.position) : Math.max(this.position, update.numbers.lastId);
    frames.push({ type: 'state', id: this.lastEventId, data: update.state(this.numbers.revision) });
    if (this.isNews(update.numbers)) this.numbers = update.numbers;
    this.send(frames);
  }

  private send(frames: Frame[]): void {
    if (this.closed) return;
    this.pacer.beforeWrite(frames.reduce((bytes, frame) => bytes + 32 + Buffer.byteLength(frame.data), 0));
    this.options.next(frames);
  }

  private isNews(numbers: InboxNumbers): boolean {
    return versionOf(numbers) > versionOf(this.numbers);
  }

  /** A timer only for the last heartbeats: most streams end long before, and a timer each is dear. */
  private watchExpiry(now: number): void {
    const { expiresAt } = this.options;
    if (!expiresAt || this.expiry) return;
    const left = expiresAt.getTime() - now;
    if (left > Math.min(2 * this.limits.heartbeatMs, MAX_TIMER_MS)) return;
    this.expiry = setTimeout(() => this.end('expired'), Math.max(left, 0));
    this.expiry.unref();
  }
}
