import type { ReactiveController } from 'lit';
import { type PanelHost, type PanelList, rowOf, scrollerOf } from './panel-host.js';

/** As far as one may have scrolled and still be at the top. */
const TOP = 4;

/**
 * Keeps what is being read where it is while others arrive above it: when the list is scrolled, and also at its top while
 * the pointer is on it, or a click would hit another row than the one it was meant for. Not left to the browser's own
 * scroll anchoring, which does nothing at the top, and in Safari nothing at all.
 */
export class ReadingPosition implements ReactiveController {
  /** How many have arrived above what is being read. */
  unseen = 0;

  private newestSeen = 0;
  private anchors: readonly { readonly id: number; readonly top: number }[] = [];

  constructor(
    private readonly host: PanelHost,
    private readonly list: PanelList,
  ) {}

  hostUpdate(): void {
    const scroller = scrollerOf(this.host);
    const isReading = scroller !== null && (scroller.scrollTop > TOP || scroller.matches(':hover'));
    this.anchors = isReading ? rowsInView(scroller) : [];
    if (this.anchors.length === 0) this.seeAll();
    this.unseen = this.list.items.filter(({ id }) => id > this.newestSeen).length;
  }

  hostUpdated(): void {
    const scroller = scrollerOf(this.host);
    if (!scroller) return;
    for (const { id, top } of this.anchors) {
      const row = rowOf(this.host, id);
      if (!row) continue;
      const moved = row.getBoundingClientRect().top - top;
      // Rounded here, or the browser cuts it off.
      if (moved !== 0) scroller.scrollTop = Math.round(scroller.scrollTop + moved);
      break;
    }
    this.scrolled();
  }

  scrolled(): void {
    if (this.unseen === 0 || (scrollerOf(this.host)?.scrollTop ?? 0) > TOP) return;
    this.unseen = 0;
    this.seeAll();
    this.host.requestUpdate();
  }

  toTop(): void {
    const isCalm = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches;
    scrollerOf(this.host)?.scrollTo?.({ top: 0, behavior: isCalm ? 'instant' : 'smooth' });
  }

  private seeAll(): void {
    this.newestSeen = this.list.items[0]?.id ?? 0;
  }
}

/** The rows that can be seen, from the top: any of them may be the one that is gone next. */
function rowsInView(scroller: HTMLElement): { id: number; top: number }[] {
  const view = scroller.getBoundingClientRect();
  const rows: { id: number; top: number }[] = [];
  for (const row of scroller.querySelectorAll<HTMLElement>('li[data-id]')) {
    const { top, bottom } = row.getBoundingClientRect();
    if (top >= view.bottom) break;
    if (bottom > view.top) rows.push({ id: Number(row.dataset.id), top });
  }
  return rows;
}
