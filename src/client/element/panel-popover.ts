import type { ReactiveController } from 'lit';
import { bellOf, type PanelHost, panelOf } from './panel-host.js';

const GAP = 8;
/** The least distance from the viewport's edges. */
const MARGIN = 8;
/** With at least this height below the bell, the panel opens there. */
const ENOUGH = 420;
/** Less than this is never left of it, be the bell where it may. */
const LEAST = 160;

/**
 * Shows the panel in the top layer, where nothing clips it, next to the bell and within the viewport, and closes it on a
 * press outside. Browsers without popovers get a fixed box instead. Placed by script: CSS anchor positioning is too young.
 */
export class PanelPopover implements ReactiveController {
  private isShown = false;
  private frame = 0;
  private pressedOutside = false;

  constructor(
    private readonly host: PanelHost,
    private readonly close: () => void,
  ) {}

  hostUpdated(): void {
    const panel = panelOf(this.host);
    if (!panel) return;
    if (this.host.opened !== this.isShown) {
      this.isShown = this.host.opened;
      if (this.isShown) panel.showPopover?.();
      else panel.hidePopover?.();
      this.listen(this.isShown);
    }
    if (this.isShown) this.place(panel);
  }

  hostDisconnected(): void {
    // Whatever leaves the document leaves the top layer.
    this.isShown = false;
    this.listen(false);
  }

  private listen(on: boolean): void {
    const change = on ? 'addEventListener' : 'removeEventListener';
    const capture = { capture: true, passive: true };
    window[change]('resize', this.placeInNextFrame);
    window[change]('scroll', this.placeInNextFrame, capture);
    document[change]('pointerdown', this.onPress, capture);
    document[change]('pointerup', this.onRelease, capture);
  }

  private readonly onPress = (event: Event): void => {
    this.pressedOutside = !event.composedPath().includes(this.host);
  };

  /** Not when it is pressed: that may be the start of scrolling, or of selecting text. */
  private readonly onRelease = (event: Event): void => {
    if (this.pressedOutside && !event.composedPath().includes(this.host)) this.close();
  };

  private readonly placeInNextFrame = (): void => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const panel = panelOf(this.host);
      if (panel && this.isShown) this.place(panel);
    });
  };

  private place(panel: HTMLElement): void {
    const bell = bellOf(this.host)?.getBoundingClientRect();
    if (!bell) return;
    const width = document.documentElement.clientWidth;
    const height = window.innerHeight;
    const [side, edge] = this.host.placement?.split('-') ?? [];

    const above = bell.top - GAP - MARGIN;
    const below = height - bell.bottom - GAP - MARGIN;
    const isAbove = side ? side === 'top' : below < ENOUGH && above > below;
    const room = Math.min(Math.max(isAbove ? above : below, LEAST), height - 2 * MARGIN);
    const fromEdge = Math.min(
      Math.max(isAbove ? height - bell.top + GAP : bell.bottom + GAP, MARGIN),
      height - MARGIN - room,
    );

    const isRtl = getComputedStyle(this.host).direction === 'rtl';
    const isRightEdge = edge ? (edge === 'end') !== isRtl : bell.left + bell.right > width;
    const left = isRightEdge ? bell.right - panel.offsetWidth : bell.left;

    const { style } = panel;
    style.top = isAbove ? 'auto' : `${fromEdge}px`;
    style.bottom = isAbove ? `${fromEdge}px` : 'auto';
    style.left = `${Math.max(MARGIN, Math.min(left, width - panel.offsetWidth - MARGIN))}px`;
    style.setProperty('--_room', `${room}px`);
  }
}
