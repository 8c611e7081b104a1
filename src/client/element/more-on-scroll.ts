import type { ReactiveController } from 'lit';
import { type PanelHost, type PanelList, scrollerOf } from './panel-host.js';

/** How far before the end the next page is asked for. */
const AHEAD = '300px';

/** Asks for more when the end of the list comes near. */
export class MoreOnScroll implements ReactiveController {
  private observer: IntersectionObserver | null = null;
  private observed: Element | null = null;
  private length = 0;

  constructor(
    private readonly host: PanelHost,
    private readonly list: PanelList,
    private readonly onEnd: () => void,
  ) {}

  hostUpdated(): void {
    const end = this.host.shadowRoot?.getElementById('end') ?? null;
    const { length } = this.list.items;
    if (end === this.observed && length === this.length) return;
    this.length = length;
    this.stop();
    // Without observers, as in jsdom, there is the button.
    if (!end || !globalThis.IntersectionObserver) return;
    // A new one tells at once whether the end is near: after a short page it still is.
    this.observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) this.onEnd();
      },
      { root: scrollerOf(this.host), rootMargin: AHEAD },
    );
    this.observer.observe(end);
    this.observed = end;
  }

  hostDisconnected(): void {
    this.stop();
  }

  private stop(): void {
    this.observer?.disconnect();
    this.observer = null;
    this.observed = null;
  }
}
