import { nameOf } from '../inbox-name.js';
import type { Hint } from './broker.js';

const WINDOW_MS = 10;
/** More inboxes than this at once: it is cheaper to say "look at everything". */
const MAX_HINTS = 5_000;
/** More signals than this, in characters with whom they are for, are dropped. */
const MAX_SIGNALS = 1_048_576;

/**
 * Collects hints for a moment, and for as long as what it released before is under way: an inbox that is hinted at a
 * hundred times meanwhile goes out once. Bounded: what is too much becomes a gap, and signals beyond the bound are dropped.
 */
export class Coalescer {
  private hints = new Map<string, Hint>();
  private signals: Hint[] = [];
  private signalsLength = 0;
  private overflow = false;
  private timer?: NodeJS.Timeout;
  private releasing?: Promise<void>;

  /**
   * @param send takes what was collected, and resolves when it takes more; never rejects. Null stands for "look at
   * everything".
   */
  constructor(private readonly send: (hints: Hint[] | null, signals: Hint[]) => Promise<void>) {}

  add(hints: readonly Hint[]): void {
    for (const hint of hints) {
      if (hint.signal !== undefined)
        this.addSignal(hint, hint.signal.length + hint.tenant.length + (hint.recipient?.length ?? 0));
      else if (!this.overflow) this.addHint(hint);
    }
    this.schedule();
  }

  /** Releases what there is, and waits until it has been taken; also if that is nothing. */
  async flush(): Promise<void> {
    while (this.releasing) await this.releasing;
    await this.release();
  }

  /** What is left is dropped. */
  close(): void {
    clearTimeout(this.timer);
    this.reset();
  }

  private addHint(hint: Hint): void {
    const name = nameOf({ tenant: hint.tenant, recipient: hint.recipient ?? '' });
    const revision = this.hints.get(name)?.change?.revision ?? -1;
    // Details survive a hint without any. Of several the newest: who has missed one in between reloads.
    if (revision >= (hint.change?.revision ?? -1) && this.hints.has(name)) return;
    this.hints.set(name, hint);
    if (this.hints.size <= MAX_HINTS) return;
    this.overflow = true;
    this.hints.clear();
  }

  private addSignal(hint: Hint, length: number): void {
    if (this.signalsLength + length > MAX_SIGNALS) return;
    this.signalsLength += length;
    this.signals.push(hint);
  }

  private schedule(): void {
    if (!this.releasing && !this.isEmpty) this.timer ??= setTimeout(() => void this.release(), WINDOW_MS);
  }

  private async release(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { signals } = this;
    const hints = this.overflow ? null : [...this.hints.values()];
    this.reset();
    this.releasing = this.send(hints, signals);
    await this.releasing;
    this.releasing = undefined;
    this.schedule();
  }

  private get isEmpty(): boolean {
    return this.hints.size === 0 && this.signals.length === 0 && !this.overflow;
  }

  private reset(): void {
    this.hints = new Map();
    this.signals = [];
    this.signalsLength = 0;
    this.overflow = false;
  }
}
