const REFRESH_MS = 5_000;
/** Two refreshes may be lost. */
const FORGOTTEN_AFTER_MS = 2.5 * REFRESH_MS;

/**
 * Who is looking at the same deals. The server keeps none of it: each window says what it shows, again and again, by
 * signals to everybody; a window that has fallen silent is forgotten.
 */
export class Viewing {
  /** Names this window among all: the same user may have several. */
  #view = crypto.getRandomValues(new Uint32Array(3)).join('-');
  #api;
  #onChange;
  #dealId = null;
  #timer;
  /** By window: which deal it shows, whose it is, and when it is forgotten. */
  #others = new Map();

  constructor(api, { onChange }) {
    this.#api = api;
    this.#onChange = onChange;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
  }

  /** This window shows a deal; null for none. */
  show(dealId) {
    if (dealId === this.#dealId) return;
    if (this.#dealId !== null) this.#tell(false);
    this.#dealId = dealId;
    if (dealId !== null) this.#tell(true);
  }

  /** Also while the page is going away. */
  close() {
    this.show(null);
    clearInterval(this.#timer);
  }

  /** The signal `deal.viewing`. */
  seen({ dealId, user, view, isOpen }) {
    if (view === this.#view) return;
    if (isOpen) {
      const isNew = this.#others.get(view)?.dealId !== dealId;
      this.#others.set(view, { dealId, user, until: Date.now() + FORGOTTEN_AFTER_MS });
      // It may have come just now: it shall not have to wait to learn of us.
      if (isNew && dealId === this.#dealId) this.#tell(true);
    } else if (this.#others.get(view)?.dealId === dealId) {
      this.#others.delete(view);
    }
    this.#onChange();
  }

  /** The users who look at a deal in other windows. */
  usersAt(dealId) {
    const here = [...this.#others.values()].filter((other) => other.dealId === dealId);
    return [...new Set(here.map((other) => other.user))].sort();
  }

  #refresh() {
    if (this.#dealId !== null) this.#tell(true);
    const now = Date.now();
    for (const [view, { until }] of this.#others) if (until < now) this.#others.delete(view);
    this.#onChange();
  }

  #tell(isOpen) {
    const path = `/deals/${this.#dealId}/viewing`;
    // What is lost is said again.
    this.#api.post(path, { view: this.#view, isOpen }, { keepalive: true }).catch(() => {});
  }
}
