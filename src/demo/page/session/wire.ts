import type { Inbox, InboxStatus, StreamFrame } from '../../../client/index.js';

/** Older ones are forgotten: the drawer is no archive. */
const KEPT = 200;

export type WireEntry = { key: number; at: Date } & ({ frame: StreamFrame } | { status: InboxStatus });

/** What happened on the wire: the frames of the event stream as they came, and what became of the stream. */
export class Wire {
  /** Newest first. */
  entries: readonly WireEntry[] = [];
  /** Those that came while it was paused. */
  private held: WireEntry[] = [];
  private isHeld = false;
  private status: InboxStatus | null = null;
  private count = 0;

  constructor(
    inbox: Inbox,
    private readonly onChange: () => void,
  ) {
    inbox.on('frame', (frame) => this.add({ frame }));
    inbox.subscribe(({ status }) => {
      if (status === this.status) return;
      this.status = status;
      this.add({ status });
    });
  }

  get isPaused(): boolean {
    return this.isHeld;
  }

  get heldCount(): number {
    return this.held.length;
  }

  pause(isPaused: boolean): void {
    this.isHeld = isPaused;
    if (!isPaused) this.show(this.held.splice(0));
    this.onChange();
  }

  clear(): void {
    this.entries = [];
    this.held = [];
    this.onChange();
  }

  private add(what: { frame: StreamFrame } | { status: InboxStatus }): void {
    this.count += 1;
    const entry = { key: this.count, at: new Date(), ...what };
    if (this.isHeld) this.held = [entry, ...this.held].slice(0, KEPT);
    else this.show([entry]);
    this.onChange();
  }

  private show(newest: WireEntry[]): void {
    this.entries = [...newest, ...this.entries].slice(0, KEPT);
  }
}
