import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { InboxNotification } from '../../notifications/notification.js';
import { createInbox, type InboxOptions } from '../inbox.js';
import type { Inbox, InboxState } from '../inbox.types.js';

/** What says where the notifications come from: an inbox, or what it takes to make one. */
interface InboxHost extends ReactiveControllerHost, Element {
  readonly inbox: Inbox | null;
  readonly url: string | null;
  readonly user: string | null;
  readonly token: InboxOptions['token'] | null;
}

/**
 * The inbox that is shown: the one given, which its giver closes, or else one of its own for `url`, which lives as long
 * as the element is in the document.
 */
export class InboxSource implements ReactiveController {
  inbox: Inbox | null = null;
  /** What there is to show, at the time of this rendering. */
  state: InboxState | null = null;

  private own: { readonly key: string; readonly token: unknown; readonly inbox: Inbox } | null = null;
  private leave: (() => void) | null = null;
  private frame = 0;

  constructor(
    private readonly host: InboxHost,
    private readonly onArrival: (notification: InboxNotification) => void,
  ) {}

  get items(): readonly InboxNotification[] {
    return this.state?.items ?? [];
  }

  hostConnected(): void {
    this.host.requestUpdate();
  }

  hostDisconnected(): void {
    // An element that is moved is disconnected and connected again in one go: its stream need not end for that.
    queueMicrotask(() => {
      if (this.host.isConnected) return;
      this.watch(null);
      this.closeOwn();
    });
  }

  hostUpdate(): void {
    if (!this.host.isConnected) return;
    const inbox = this.host.inbox ?? this.ownInbox();
    if (inbox !== this.own?.inbox) this.closeOwn();
    if (inbox !== this.inbox) this.watch(inbox);
    this.state = inbox?.getState() ?? null;
  }

  private ownInbox(): Inbox | null {
    const { url, user, token } = this.host;
    if (!url) return null;
    const key = JSON.stringify([url, user, Boolean(token)]);
    if (this.own?.key !== key) {
      this.closeOwn();
      // Asks for the token that is there when it is needed: frameworks give a new function with every rendering.
      const options = { url, user: user ?? undefined, token: token ? () => this.host.token?.() : undefined };
      this.own = { key, token, inbox: createInbox(options) };
    } else if (this.own.token !== token) {
      this.own = { ...this.own, token };
      if (this.own.inbox.getState().status === 'signed-out') this.own.inbox.open();
    }
    return this.own.inbox;
  }

  private closeOwn(): void {
    this.own?.inbox.close();
    this.own = null;
  }

  private watch(inbox: Inbox | null): void {
    this.leave?.();
    this.leave = null;
    this.inbox = inbox;
    if (!inbox) return;
    this.state = inbox.getState();
    const leaveState = inbox.subscribe((state) => {
      if (state !== this.state) this.renderInNextFrame();
    });
    const leaveArrivals = inbox.on('notification', this.onArrival);
    this.leave = () => {
      leaveState();
      leaveArrivals();
      cancelAnimationFrame(this.frame);
      this.frame = 0;
    };
  }

  /** Hundreds may arrive within a frame, and in a hidden tab nobody looks. */
  private renderInNextFrame(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.host.requestUpdate();
    });
  }
}
