import { html, LitElement, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { guard } from 'lit/directives/guard.js';
import type { InboxNotification } from '../../notifications/notification.js';
import type { InboxOptions } from '../inbox.js';
import type { Inbox } from '../inbox.types.js';
import { safeUrl } from '../safe-url.js';
import { Announcer } from './announcer.js';
import { bellStyles } from './bell.styles.js';
import { blankStyles } from './blank.styles.js';
import { Clock } from './clock.js';
import { bellIcon } from './icons.js';
import { InboxSource } from './inbox-source.js';
import { Language } from './language.js';
import { Lasting } from './lasting.js';
import type { NotificationBellMessages } from './messages.js';
import { MoreOnScroll } from './more-on-scroll.js';
import { type PanelActions, panel } from './panel.js';
import { panelStyles } from './panel.styles.js';
import { type PanelHost, type PanelPlacement, panelOf } from './panel-host.js';
import { PanelPopover } from './panel-popover.js';
import { ReadingPosition } from './reading-position.js';
import { row } from './row.js';
import { rowStyles } from './row.styles.js';
import { RowFocus } from './row-focus.js';

/** Cancelled by who navigates on his own, such as a router: the link is then not followed. */
export type NotificationOpenEvent = CustomEvent<InboxNotification>;

/**
 * A bell with a badge, and a panel with the notifications.
 *
 * @fires notification-open A notification was clicked, other than to open it in another tab.
 */
export class NotificationBell extends LitElement implements PanelHost {
  static override readonly styles = [bellStyles, panelStyles, rowStyles, blankStyles];

  static override readonly properties: PropertyDeclarations = {
    inbox: { attribute: false },
    url: {},
    user: {},
    token: { attribute: false },
    locale: {},
    messages: { attribute: false },
    placement: {},
    theme: { reflect: true },
    opened: { type: Boolean, reflect: true },
  };

  /** What is shown. The element never closes it. @default one of the element's own, if it has a `url` */
  declare inbox: Inbox | null;
  /** Where the module answers, for an inbox of the element's own: as `createInbox` takes it. */
  declare url: string | null;
  /** Who is signed in, for an inbox of the element's own: as `createInbox` takes it. */
  declare user: string | null;
  /** Gives the access token, for an inbox of the element's own: as `createInbox` takes it. @default cookies */
  declare token: InboxOptions['token'] | null;
  /** A language tag such as `zh-CN`. @default the `lang` of the page around the element, else the browser's */
  declare locale: string | null;
  /** What is said in place of what is built in. @default none */
  declare messages: Partial<NotificationBellMessages> | null;
  /** Where the panel opens. @default where there is most room */
  declare placement: PanelPlacement | null;
  /** @default the page's `color-scheme` */
  declare theme: 'light' | 'dark' | null;
  /** Whether the panel is open. */
  declare opened: boolean;

  readonly #source = new InboxSource(this, () => this.#announcer.countArrival());
  readonly #language = new Language(this);
  readonly #announcer = new Announcer(this, (count) => this.#language.messages.arrived(count));
  readonly #reconnecting = new Lasting(this, () => this.#source.state?.status === 'reconnecting');
  readonly #clock = new Clock(this);
  readonly #reading = new ReadingPosition(this, this.#source);
  readonly #focus = new RowFocus(this, this.#source);

  readonly #expanded = new Set<number>();
  #notice = '';

  constructor() {
    super();
    // In the order in which they act before and after each rendering: the state comes first, and only what is shown can
    // take the focus.
    for (const controller of [
      this.#source,
      this.#language,
      this.#announcer,
      this.#reconnecting,
      this.#clock,
      this.#reading,
      new PanelPopover(this, () => this.close()),
      this.#focus,
      new MoreOnScroll(this, this.#source, () => this.#loadMore()),
    ]) {
      this.addController(controller);
    }
    this.inbox = null;
    this.url = null;
    this.user = null;
    this.token = null;
    this.locale = null;
    this.messages = null;
    this.placement = null;
    this.theme = null;
    this.opened = false;
  }

  /** Opens the panel, and moves the focus there. */
  open(): void {
    this.opened = true;
  }

  /** Closes the panel. The focus goes back to the bell, if it was in the panel. */
  close(): void {
    this.opened = false;
  }

  override focus(options?: FocusOptions): void {
    this.shadowRoot?.getElementById('bell')?.focus(options);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.close();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('opened')) return;
    this.#notice = '';
    this.#expanded.clear();
  }

  protected override render(): TemplateResult {
    const { locale, messages } = this.#language;
    const unread = this.#source.state?.unread ?? 0;
    return html`
      <div lang=${locale} @keydown=${this.#onKey}>
        <button type="button" id="bell" part="bell" aria-label=${messages.bell(unread)} aria-haspopup="dialog"
          aria-controls="panel" aria-expanded=${this.opened} @click=${this.#toggle}>
          <slot name="icon">${bellIcon}</slot>
        </button>
        ${unread > 0 ? html`<span part="badge" class="badge" dir="ltr" aria-hidden="true">${unread > 99 ? '99+' : unread}</span>` : nothing}
        <div id="panel" part="panel" class=${this.opened ? 'opened' : ''} popover="manual" role="dialog" tabindex="-1"
          aria-labelledby="heading" @focusout=${this.#onFocusOut}>
          ${this.opened ? this.#panel() : nothing}
        </div>
        <div class="visually-hidden" role="status">${this.#announcer.text}</div>
      </div>`;
  }

  #panel(): TemplateResult {
    const { messages, times } = this.#language;
    return panel(
      {
        state: this.#source.state,
        messages,
        isReconnecting: this.#reconnecting.shown,
        unseen: this.#reading.unseen,
        notice: this.#notice,
        row: (notification) => {
          const createdAt = Date.parse(notification.createdAt);
          const isKnown = !Number.isNaN(createdAt);
          const age = isKnown ? this.#clock.age(createdAt, times) : '';
          const isCurrent = notification.id === this.#focus.current;
          const isExpanded = this.#expanded.has(notification.id);
          // There may be hundreds, and mostly one of them has changed.
          return guard([notification, messages, age, isCurrent, isExpanded], () => {
            const date = isKnown ? times.full(createdAt) : '';
            return row(notification, { messages, age, date, isCurrent, isExpanded });
          });
        },
      },
      this.#actions,
    );
  }

  #toggle(): void {
    this.opened = !this.opened;
  }

  #onListClick(event: MouseEvent): void {
    const id = rowIdOf(event);
    const { inbox } = this.#source;
    const notification = this.#source.items.find((item) => item.id === id);
    if (!inbox || !notification) return;
    const control = controlOf(event);
    if (control === 'open') this.#openNotification(notification, event);
    if (event.type === 'auxclick') return;
    if (control === 'remove') this.#change(inbox.remove(notification.id));
    if (control === 'toggle') {
      this.#change(notification.read ? inbox.markUnread(notification.id) : inbox.markRead(notification.id));
    }
  }

  #openNotification(notification: InboxNotification, event: MouseEvent): void {
    const isLink = safeUrl(notification.url) !== null;
    const isMiddle = event.button === 1;
    if (event.type === 'auxclick' && !(isMiddle && isLink)) return;
    if (!notification.read) this.#change(this.#source.inbox?.markRead(notification.id));
    if (isLink && (isMiddle || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey)) return;

    const open = new CustomEvent('notification-open', {
      detail: notification,
      bubbles: true,
      composed: true,
      cancelable: true,
    });
    const isTaken = !this.dispatchEvent(open);
    if (isTaken) event.preventDefault();
    if (isTaken || isLink) this.close();
    else if (!this.#expanded.delete(notification.id)) this.#expanded.add(notification.id);
    this.requestUpdate();
  }

  #onKey(event: KeyboardEvent): void {
    if (!this.opened || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const id = rowIdOf(event);
    const { key } = event;
    if (key === 'Escape') this.close();
    else if ((key === 'Delete' || key === 'Backspace') && id !== null) this.#change(this.#source.inbox?.remove(id));
    else if (id === null && event.target !== panelOf(this)) return;
    else if (!this.#focus.step(key, id, controlOf(event))) return;
    event.preventDefault();
    // Nor should a dialog around the bell close.
    event.stopPropagation();
  }

  /** Whoever leaves the panel by keyboard would otherwise have the focus on what it covers. */
  #onFocusOut({ relatedTarget }: FocusEvent): void {
    if (relatedTarget instanceof Node && !this.shadowRoot?.contains(relatedTarget)) this.close();
  }

  #change(change: Promise<void> | undefined): void {
    this.#say('');
    change?.catch(() => this.#say(this.#language.messages.changeFailed));
  }

  #say(notice: string): void {
    this.#notice = notice;
    this.#announcer.say(notice);
    this.requestUpdate();
  }

  #loadMore(): void {
    const { inbox, state } = this.#source;
    // What failed waits for a click.
    if (state?.hasMore && !state.loading && !state.error) inbox?.loadMore().catch(() => {});
  }

  async #loadMoreAndGoThere(): Promise<void> {
    const { inbox, items, state } = this.#source;
    const last = items.at(-1);
    if (!inbox || !last || state?.loading) return;
    await inbox.loadMore().catch(() => {});
    this.requestUpdate();
    await this.updateComplete;
    if (this.opened && this.#source.items.at(-1) !== last) this.#focus.toRowAfter(last.id);
  }

  readonly #actions: PanelActions = {
    close: () => this.close(),
    markAllRead: () => this.#change(this.#source.inbox?.markRead('all')),
    loadMore: () => this.#loadMoreAndGoThere(),
    tryAgain: () => this.#source.inbox?.open(),
    showNew: () => {
      this.#focus.toRow(this.#source.items[0]?.id ?? null);
      this.#reading.toTop();
    },
    dismissNotice: () => this.#say(''),
    onScroll: () => this.#reading.scrolled(),
    onListClick: (event) => this.#onListClick(event),
    onListFocus: (event) => this.#focus.arrive(rowIdOf(event)),
  };
}

/** The row that an event comes from. */
function rowIdOf({ target }: Event): number | null {
  const id = target instanceof Element ? target.closest<HTMLElement>('[data-id]')?.dataset.id : undefined;
  return id === undefined ? null : Number(id);
}

function controlOf({ target }: Event): string | undefined {
  return target instanceof Element ? target.closest<HTMLElement>('[data-control]')?.dataset.control : undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    'notification-bell': NotificationBell;
  }
  interface GlobalEventHandlersEventMap {
    'notification-open': NotificationOpenEvent;
  }
}
