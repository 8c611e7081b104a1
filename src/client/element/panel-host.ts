import type { ReactiveControllerHost } from 'lit';
import type { InboxNotification } from '../../notifications/notification.js';

/** The element, as those see it who look after its panel. */
export interface PanelHost extends ReactiveControllerHost, HTMLElement {
  readonly opened: boolean;
  readonly placement: PanelPlacement | null;
}

/** What is listed in the panel. */
export interface PanelList {
  readonly items: readonly InboxNotification[];
}

/** On which side of the bell the panel opens, and which of their edges are in line. */
export type PanelPlacement = 'bottom-start' | 'bottom-end' | 'top-start' | 'top-end';

export function bellOf(host: HTMLElement): HTMLElement | null {
  return host.shadowRoot?.getElementById('bell') ?? null;
}

export function panelOf(host: HTMLElement): HTMLElement | null {
  return host.shadowRoot?.getElementById('panel') ?? null;
}

/** What scrolls; null while the panel is closed. */
export function scrollerOf(host: HTMLElement): HTMLElement | null {
  return host.shadowRoot?.getElementById('scroller') ?? null;
}

export function rowOf(host: HTMLElement, id: number): HTMLElement | null {
  return host.shadowRoot?.querySelector<HTMLElement>(`li[data-id="${id}"]`) ?? null;
}
