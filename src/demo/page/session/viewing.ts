import type { Api } from './api.js';

const REFRESH_MS = 5_000;
/** Two refreshes may be lost. */
const FORGOTTEN_AFTER_MS = 2.5 * REFRESH_MS;

interface Seen {
  dealId: number;
  user: string;
  view: string;
  isOpen: boolean;
}

/**
 * Who is looking at the same deals. The server keeps none of it: each window says what it shows, again and again, by
 * signals to everybody; a window that has fallen silent is forgotten.
 */
export class Viewing {
  /** Names this window among all: the same user may have several. */
  private readonly view = crypto.getRandomValues(new Uint32Array(3)).join('-');
  private readonly timer = setInterval(() => this.refresh(), REFRESH_MS);
  private dealId: number | null = null;
  /** By window: which deal it shows, whose it is, and when it is forgotten. */
  private readonly others = new Map<string, { dealId: number; user: string; until: number }>();

  constructor(
    private readonly api: Api,
    private readonly onChange: () => void,
  ) {}

  /** This window shows a deal; null for none. */
  show(dealId: number | null): void {
    if (dealId === this.dealId) return;
    if (this.dealId !== null) this.tell(this.dealId, false);
    this.dealId = dealId;
    if (dealId !== null) this.tell(dealId, true);
  }

  /** Also while the page is going away. */
  close(): void {
    this.show(null);
    clearInterval(this.timer);
  }

  /** The signal `deal.viewing`. */
  seen({ dealId, user, view, isOpen }: Seen): void {
    if (view === this.view) return;
    const known = this.others.get(view);
    if (isOpen) {
      this.others.set(view, { dealId, user, until: Date.now() + FORGOTTEN_AFTER_MS });
      // It may have come just now: it shall not have to wait to learn of us.
      if (known?.dealId !== dealId && dealId === this.dealId) this.tell(dealId, true);
    } else if (known?.dealId === dealId) {
      this.others.delete(view);
    }
    this.onChange();
  }

  /** The users who look at a deal in other windows. */
  usersAt(dealId: number): string[] {
    const here = [...this.others.values()].filter((other) => other.dealId === dealId);
    return [...new Set(here.map((other) => other.user))].sort();
  }

  private refresh(): void {
    if (this.dealId !== null) this.tell(this.dealId, true);
    const now = Date.now();
    for (const [view, { until }] of this.others) {
      if (until >= now) continue;
      this.others.delete(view);
      this.onChange();
    }
  }

  private tell(dealId: number, isOpen: boolean): void {
    // What is lost is said again.
    this.api.post(`/deals/${dealId}/viewing`, { view: this.view, isOpen }, { keepalive: true }).catch(() => {});
  }
}
