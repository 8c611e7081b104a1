import type { EventSourceConstructor, Inbox, InboxStatus, StreamFrame } from '../../../client/index.js';

/** Older ones are forgotten: the drawer is no archive. */
const KEPT = 200;

/** An event as it came, what became of the stream, or an attempt to open one. */
type Happening = { frame: StreamFrame } | { status: InboxStatus } | { request: string };

export type WireEntry = { key: number; at: Date } & Happening;

/** What happened on the wire between this tab and the server. */
export class Wire {
  /** Newest first. */
  entries: readonly WireEntry[] = [];
  /** Opens streams as the browser does, and tells of every attempt: those that fail are seen nowhere else. */
  readonly EventSource: EventSourceConstructor;
  /** Those that came while it was paused. */
  private held: WireEntry[] = [];
  private isHeld = false;
  private status: InboxStatus | null = null;
  private count = 0;

  constructor(private readonly onChange: () => void) {
    const tell = (url: string) => this.add({ request: requestOf(url) });
    this.EventSource = class extends EventSource {
      constructor(url: string, init?: EventSourceInit) {
        super(url, init);
        tell(url);
      }
    };
  }

  get isPaused(): boolean {
    return this.isHeld;
  }

  get heldCount(): number {
    return this.held.length;
  }

  follow(inbox: Inbox): void {
    inbox.on('frame', (frame) => this.add({ frame }));
    inbox.subscribe(({ status }) => {
      if (status === this.status) return;
      this.status = status;
      this.add({ status });
    });
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

  private add(what: Happening): void {
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

/** What is asked for, without the token: nobody shall learn it from a picture of the screen. */
function requestOf(url: string): string {
  const { pathname, searchParams } = new URL(url, location.href);
  searchParams.delete('token');
  return `GET ${pathname}${searchParams.size > 0 ? `?${searchParams}` : ''}`;
}
