import type { Writable } from 'node:stream';

/** Where the frames of a stream go. */
export interface Outlet {
  /** What they end up in; without it every client is taken to keep up. */
  readonly output?: Writable;
  /**
   * Writes to `output` what there is to write, at once. Where it is missing, something else writes there, by the next turn of
   * the event loop.
   */
  flush?(): void;
}

/**
 * Tells how much a client can take, by the socket that it reads from. Whoever writes frames gets no sign of that from
 * an Observable, and neither does Nest's queue behind it.
 */
export class Pacer {
  /** Since when nothing has drained, in milliseconds of `Date.now()`; undefined while the client keeps up. */
  private stalledSince?: number;
  /** What the kernel had not taken when that was last looked at. */
  private queuedBytes?: number;
  private pendingBytes = 0;
  /** What was written is still to be let go, and looked after. */
  private checking = false;
  /** As often as it is uncorked, lest an outgoing message of Node's loses count. */
  private corked = false;
  private closed = false;
  private waiting?: ((open: boolean) => void)[];

  constructor(
    private readonly outlet: Outlet,
    private readonly maxPendingBytes: number,
  ) {}

  /** The client isn't reading as fast as it is written to. */
  get isStalled(): boolean {
    return this.stalledSince !== undefined;
  }

  /** The client isn't reading, and as much waits for it as may wait. */
  get isFull(): boolean {
    return this.isStalled && this.pendingBytes >= this.maxPendingBytes;
  }

  /** The client is reading, and what has been written in this very turn of the event loop is not too much yet. */
  get takesMore(): boolean {
    return !this.isStalled && (this.pendingBytes === 0 || this.pendingBytes < this.maxPendingBytes);
  }

  /** For how many milliseconds nothing has drained. What the kernel has taken since the last call counts as draining. */
  stalledFor(now: number): number {
    if (this.stalledSince === undefined) return 0;
    // 'drain' comes only once everything is taken, which a slow client may need minutes for.
    const queuedBytes = queuedBytesOf(this.outlet.output);
    if (queuedBytes !== this.queuedBytes) this.stalledSince = now;
    this.queuedBytes = queuedBytes;
    return now - this.stalledSince;
  }

  /** Call it before frames of `bytes` are given. What is given until the next turn leaves together. */
  beforeWrite(bytes: number): void {
    const { output, flush } = this.outlet;
    if (!output || this.closed) return;
    this.pendingBytes += bytes;
    if (this.checking) return;
    this.checking = true;
    // One after the other at the end of this turn, the writes of a burst cost a third of what they do between other work:
    // the kernel wakes a reader that sleeps, and it doesn't while they come closely.
    if (flush) {
      process.nextTick(check, this);
    } else {
      // In a turn of its own: until then Nest hands over frame by frame.
      this.corked = true;
      output.cork();
      setImmediate(check, this);
    }
  }

  /** @returns true once the client can take more, false if it has left. */
  async drained(): Promise<boolean> {
    if (this.closed) return false;
    if (!this.outlet.output) return await new Promise((resolve) => setImmediate(() => resolve(!this.closed)));
    if (!this.checking && !this.isStalled) return true;
    return await new Promise((resolve) => {
      this.waiting ??= [];
      this.waiting.push(resolve);
    });
  }

  close(): void {
    this.letGo();
    this.closed = true;
    this.release(false);
  }

  /** Looks whether the client has taken what was written. */
  check(): void {
    if (this.closed) return;
    this.letGo();
    const output = this.outlet.output as Writable;
    if (output.writableNeedDrain) {
      if (this.stalledSince !== undefined) return;
      this.stalledSince = Date.now();
      this.queuedBytes = queuedBytesOf(output);
      output.once('drain', () => this.onDrain());
      return;
    }
    this.pendingBytes = 0;
    this.stalledSince = undefined;
    this.release(true);
  }

  private letGo(): void {
    if (!this.checking) return;
    this.checking = false;
    const { outlet } = this;
    if (outlet.flush) outlet.flush();
    if (this.corked) outlet.output?.uncork();
    this.corked = false;
  }

  private onDrain(): void {
    if (this.closed) return;
    this.stalledSince = undefined;
    // What Nest has queued goes first.
    this.checking = true;
    setImmediate(check, this);
  }

  private release(open: boolean): void {
    const { waiting } = this;
    if (!waiting) return;
    this.waiting = undefined;
    for (const resolve of waiting) resolve(open);
  }
}

/** One function for all: a closure for each connection would be as large as what it knows. */
function check(pacer: Pacer): void {
  pacer.check();
}

/** By the handle that Node's own socket timeouts look at: nothing public tells of a write that is halfway done. */
function queuedBytesOf(output: Writable | undefined): number | undefined {
  type Handled = { _handle?: { writeQueueSize?: number } | null };
  const { socket, _handle } = (output ?? {}) as Handled & { socket?: Handled | null };
  return (socket?._handle ?? _handle)?.writeQueueSize;
}
