import type { Random } from '../support/random.js';
import { differenceAt } from './audit.js';
import { FORGED } from './broker-attacks.js';
import { EventStream } from './event-stream.js';
import { InboxModel, type Item, type Page } from './inbox-model.js';
import type { Ledger } from './ledger.js';
import { call } from './rest.js';
import type { Tally } from './tally.js';
import type { Node } from './world.js';

export interface Inbox {
  readonly tenant: string;
  readonly recipient: string;
}

export function nameOf({ tenant, recipient }: Inbox): string {
  return `${tenant}/${recipient}`;
}

/** A time in which a client has gone on by its cursor, over any number of connections: from a start or a `reset` on. */
export interface Passage {
  /** Nothing is expected up to here. */
  start: number;
  /** By id, the operation it was. */
  readonly given: Map<number, number>;
}

const RELOAD_AFTER_MS = 150;
const KEPT_FRAMES = 8;
const AUDIT_AGAIN_MS = 500;

/** A browser of one recipient: it keeps a stream open, to one instance or another, and shows what it is told. */
export class Client {
  model = new InboxModel();
  passages: Passage[] = [];
  lastFrames: string[] = [];
  /** Where its stream is, or was. */
  node?: Node;
  private cursor?: string;
  private lastGiven = 0;
  private stream?: EventStream;
  private isReady = false;
  /** After so many frames it drops the connection. */
  private framesLeft = Number.POSITIVE_INFINITY;
  private timer?: NodeJS.Timeout;
  private reloading?: Promise<void>;
  private stopped = false;
  /** A server said that this cursor can't be gone on from: `reset` must follow. */
  private resetDue = false;

  constructor(
    readonly name: string,
    readonly inbox: Inbox,
    private readonly nodes: readonly Node[],
    private readonly random: Random,
    private readonly ledger: Ledger,
    private readonly tally: Tally,
  ) {}

  connect(): void {
    clearTimeout(this.timer);
    if (this.stopped || this.stream) return;
    const sent = this.cursor;
    this.node = this.random.pick(this.nodes);
    const stream = new EventStream(this.node.instance.url, nameOf(this.inbox), sent, {
      onFrame: (frame) => this.onFrame(frame, sent),
      onEnd: (status) => this.onEnd(stream, status),
    });
    this.stream = stream;
    this.tally.add('connects');
  }

  /** It has been let in, and nothing has ended that. */
  get isConnected(): boolean {
    return this.isReady;
  }

  /** The line went down; it comes back after a while, and goes down again after so many frames. */
  vanish(forMs: number, thenFrames = Number.POSITIVE_INFINITY): void {
    this.stream?.close();
    this.framesLeft = thenFrames;
    this.retryAfter(forMs);
  }

  /** The line will go down in the middle of what comes next. */
  vanishAfterFrames(count: number): void {
    this.framesLeft = count;
  }

  /** The tab is frozen: its socket is open, and nobody reads. */
  freeze(forMs: number): void {
    const { stream } = this;
    stream?.pause();
    setTimeout(() => stream?.resume(), forMs).unref();
  }

  /** The page is loaded anew: it has no cursor, and shows nothing yet. */
  startAnew(): void {
    this.cursor = undefined;
    this.model = new InboxModel();
    this.vanish(0);
  }

  /** Looks whether what it shows is what the inbox has, at the revision that both are at. */
  async audit(): Promise<void> {
    const { model } = this;
    const page = await this.load();
    const compare = () => page && this.model === model && differenceAt(model, page, (op) => this.mayExpire(op));
    if (!compare()) return;
    // The rest of a write may be on its way: then it is another revision in a moment.
    await new Promise((resolve) => setTimeout(resolve, AUDIT_AGAIN_MS));
    const difference = compare();
    if (difference) this.violate('what is shown at a revision is what the inbox has at it', difference);
  }

  /** Everything up, and reading. */
  settle(): void {
    this.framesLeft = Number.POSITIVE_INFINITY;
    this.stream?.resume();
    if (!this.stream) this.connect();
    if (this.model.isOutdated) this.reload();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.stream?.close();
  }

  private retryAfter(ms: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), ms);
    this.timer.unref();
  }

  private onEnd(stream: EventStream, status: number | undefined): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.isReady = false;
    if (status !== undefined && status !== 200) this.tally.add(`refused ${status}`);
    // A client that never gets anywhere waits a little longer.
    this.retryAfter(this.random.between(50, status === 200 ? 300 : 800));
  }

  private onFrame(frame: { event: string; id: string | undefined; data: string }, sentCursor: string | undefined) {
    this.tally.add('frames');
    this.lastFrames.push(`${frame.event}#${frame.id} ${frame.data.slice(0, 120)}`);
    if (this.lastFrames.length > KEPT_FRAMES) this.lastFrames.shift();
    if (frame.id !== undefined) this.cursor = frame.id;
    const data = JSON.parse(frame.data);
    if (this.resetDue && frame.event !== 'reset' && frame.event !== 'close') {
      this.violate('a stream that leaves something out says reset', `${frame.event} after ready, cursor ${sentCursor}`);
      this.resetDue = false;
    }
    switch (frame.event) {
      case 'ready':
        this.isReady = true;
        this.onReady(Number(frame.id), sentCursor);
        this.model.onNumbers(data);
        break;
      case 'message':
        this.onMessage(frame.id, data);
        break;
      case 'state':
        if (this.model.onNumbers(data, data)) this.tally.add('details applied');
        break;
      case 'reset':
        this.tally.add('resets');
        this.resetDue = false;
        this.startPassage(data.lastId);
        this.model.onNumbers(data);
        break;
      case 'signal':
        this.tally.add(`signals ${data.type}`);
        // The version before believes everybody.
        if (data.type === FORGED && !this.node?.isBefore) {
          this.violate('no forged signal reaches a stream', frame.data.slice(0, 100));
        }
        break;
      case 'close':
        this.tally.add(`close ${data.reason}`);
        break;
    }
    if (this.model.isOutdated && frame.event !== 'close') this.reload();
    this.framesLeft -= 1;
    // Mostly between two writes, as lines do. `reset` comes in the write of its `ready`, whose id would hide the gap.
    const isBetween = !this.resetDue && (frame.event === 'state' || this.random.chance(0.1));
    if (this.framesLeft <= 0 && isBetween) this.vanish(this.random.between(0, 1_500));
  }

  private onReady(start: number, sentCursor: string | undefined): void {
    if (sentCursor === undefined || sentCursor === '') this.startPassage(start);
    else this.resetDue = start !== Number(sentCursor);
  }

  private startPassage(start: number): void {
    this.lastGiven = start;
    this.passages.push({ start, given: new Map() });
    this.model.onStart(start);
  }

  private onMessage(id: string | undefined, data: { id: number; read: boolean; data: { op: number } }): void {
    const item: Item = { id: data.id, read: data.read, op: data.data.op };
    this.tally.add('notifications received');
    if (String(item.id) !== id || item.id <= this.lastGiven) {
      this.violate('ids ascend, none twice', `${id} after ${this.lastGiven}`);
    }
    this.lastGiven = Math.max(this.lastGiven, item.id);
    this.ledger.checkSeen(this.inbox, item.op, `${this.name} of ${nameOf(this.inbox)}, id ${id}`);
    this.passages.at(-1)?.given.set(item.id, item.op);
    this.model.onMessage(item);
  }

  /** In a moment, for all that happens until then. */
  private reload(): void {
    this.reloading ??= this.loadUntilRight().finally(() => {
      this.reloading = undefined;
      if (this.model.isOutdated && this.isConnected) this.reload();
    });
  }

  private async loadUntilRight(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.random.between(RELOAD_AFTER_MS / 3, RELOAD_AFTER_MS)));
    const { model } = this;
    if (this.stopped || !model.isOutdated) return;
    const page = await this.load();
    if (page) this.tally.add('reloads');
    if (page) model.onPage(page);
  }

  /** The first page, if that instance can give it; the next try takes another. */
  private async load(): Promise<Page | undefined> {
    try {
      const url = `${this.random.pick(this.nodes).instance.url}/notifications?limit=100`;
      const { status, body } = await call(url, { identity: nameOf(this.inbox) });
      if (status !== 200) return undefined;
      const items: Item[] = body.items.map((item: { id: number; read: boolean; data: { op: number } }) => ({
        id: item.id,
        read: item.read,
        op: item.data.op,
      }));
      for (const item of items) this.ledger.checkSeen(this.inbox, item.op, `a list of ${nameOf(this.inbox)}`);
      return { ...body, items };
    } catch {
      return undefined;
    }
  }

  private mayExpire(op: number): boolean {
    return this.ledger.operations.get(op)?.expires ?? true;
  }

  private violate(rule: string, detail: string): void {
    this.ledger.violate(rule, `${this.name} of ${nameOf(this.inbox)}: ${detail}. Last: ${this.lastFrames.join(' | ')}`);
  }
}
