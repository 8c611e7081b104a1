import type { ReactiveController } from 'lit';
import { type PanelHost, type PanelList, panelOf, rowOf } from './panel-host.js';

const STEPS: Readonly<Record<string, (at: number, last: number) => number>> = {
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_at, last) => last,
};

/**
 * Keeps the focus where one expects it: in the panel once it opens, on the next row when one disappears, on the bell
 * when the panel closes.
 */
export class RowFocus implements ReactiveController {
  /** The row that Tab leads to: one for all, or there would be hundreds of stops on the way through the panel. */
  current: number | null = null;

  private ids: readonly number[] = [];
  private wasOpened = false;
  /** The kind of control that had the focus before this rendering; null if it was outside of the panel. */
  private held: string | null = null;

  constructor(
    private readonly host: PanelHost,
    private readonly list: PanelList,
  ) {}

  hostUpdate(): void {
    const ids = this.host.opened ? this.list.items.map(({ id }) => id) : [];
    this.current = successor(this.current, this.ids, ids);
    this.ids = ids;
    // Asked first, because happy-dom (20) forgets a removed element only then, and throws here until it has.
    const focused = document.activeElement && (this.host.shadowRoot?.activeElement as HTMLElement | null | undefined);
    this.held = focused && panelOf(this.host)?.contains(focused) ? (focused.dataset.control ?? 'open') : null;
  }

  hostUpdated(): void {
    const { opened } = this.host;
    if (opened && !this.wasOpened) this.toRow(this.current);
    else if (this.held !== null && !opened) this.host.focus();
    else if (this.held !== null && !this.host.shadowRoot?.activeElement) this.toRow(this.current, this.held);
    this.wasOpened = opened;
  }

  /** Focuses a row, or the panel if there is none. */
  toRow(id: number | null, control = 'open'): void {
    const row = id === null ? null : rowOf(this.host, id);
    const target =
      row?.querySelector<HTMLElement>(`[data-control="${control}"]`) ?? row?.querySelector<HTMLElement>('a,button');
    (target ?? panelOf(this.host))?.focus();
  }

  /** Focuses the first of the rows after that one. */
  toRowAfter(id: number): void {
    this.toRow(this.ids[this.ids.indexOf(id) + 1] ?? this.current);
  }

  /** Notices which row has the focus. */
  arrive(id: number | null): void {
    if (id === null || id === this.current) return;
    this.current = id;
    this.host.requestUpdate();
  }

  /**
   * @param id the row that has the focus; null for the panel itself.
   * @returns whether the key leads to another row.
   */
  step(key: string, id: number | null, control: string | undefined): boolean {
    const step = STEPS[key];
    if (!step || this.ids.length === 0) return false;
    const at = id === null ? -1 : this.ids.indexOf(id);
    this.toRow(this.ids[step(at, this.ids.length - 1)] ?? null, control);
    return true;
  }
}

/** The same row, or the first after it that is still there, or the last before it. */
function successor(id: number | null, before: readonly number[], ids: readonly number[]): number | null {
  const there = new Set(ids);
  if (id !== null && there.has(id)) return id;
  const at = id === null ? -1 : before.indexOf(id);
  const nearest = at < 0 ? ids : [...before.slice(at), ...before.slice(0, at).reverse()];
  return nearest.find((near) => there.has(near)) ?? ids[0] ?? null;
}
