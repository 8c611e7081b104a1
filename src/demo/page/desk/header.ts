import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { NotificationOpenEvent } from '../../../client/element/index.js';
import type { Announcement } from '../announcements/announcement.js';
import { follow, inThisLogin, linkTo, readRoute } from '../route.js';
import { avatar } from '../ui/avatar.js';
import { icons } from '../ui/icons.js';
import type { MenuGroup, MenuItem } from '../ui/menu.js';
import { SessionElement } from '../ui/session-element.js';

/** @fires wire The drawer is to be opened or closed. */
export class Header extends SessionElement {
  static override readonly properties: PropertyDeclarations = { isWireOpen: { type: Boolean } };

  declare isWireOpen: boolean;

  constructor() {
    super();
    this.isWireOpen = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('hashchange', this.navigated);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('hashchange', this.navigated);
  }

  protected override render(): TemplateResult {
    const { session, words } = this;
    const { status } = session.inbox.getState();
    const { stream, broker } = session.lab.value;
    const theme = this.themeItem();
    const isBroken = stream.cut || broker.stopped;
    return html`<header class="header">
      <a class="brand" href=${linkTo('#deals')} aria-label="Kontor">${icons.logo}<span>Kontor</span></a>
      <nav aria-label=${words.app.sections}>${this.links()}</nav>
      <div class="header-actions">
        ${stream.cut ? html`<span class="chip warn">${words.lab.streamIsCut}</span>` : nothing}
        ${broker.stopped ? html`<span class="chip warn">${words.lab.brokerIsStopped}</span>` : nothing}
        <button type="button" class="quiet wire-button" aria-pressed=${this.isWireOpen}
          @click=${() => this.dispatchEvent(new CustomEvent('wire'))}>
          <span class="status-dot" data-status=${isBroken ? 'broken' : status}></span>
          ${icons.wire}<span>${words.app.wire}</span><span class="visually-hidden">: ${words.lab.status[status]}</span>
        </button>
        <button type="button" class="quiet wide-only" lang=${words.app.otherLanguage.language}
          @click=${() => session.speak(words.app.otherLanguage.language)}>${words.app.otherLanguage.name}</button>
        <button type="button" class="icon-button wide-only" aria-label=${theme.label} title=${theme.label}
          @click=${theme.run}>${theme.icon}</button>
        <button type="button" class="icon-button" aria-label=${words.app.announce} title=${words.app.announce}
          @click=${() => this.querySelector<Announcement>('crm-announcement')?.open()}>${icons.announce}</button>
        <notification-bell .inbox=${session.inbox} .locale=${this.language}
          @notification-open=${this.onOpen} @click=${stayLoggedIn} @auxclick=${stayLoggedIn}
          @contextmenu=${stayLoggedIn}></notification-bell>
        <crm-menu .label=${words.app.account(session.person(session.user).name)} .groups=${this.menu()}
          .face=${avatar(session.person(session.user))} .look=${'avatar-button'}></crm-menu>
      </div>
      <crm-announcement .session=${session}></crm-announcement>
    </header>`;
  }

  private links(): TemplateResult[] {
    const { session, words } = this;
    const { view } = readRoute(location.hash);
    const waiting = session.approvals.value.filter(
      ({ approver, status }) => approver === session.user && status === 'pending',
    ).length;
    return (['deals', 'approvals', 'contacts'] as const).map(
      (name) =>
        html`<a href=${linkTo(`#${name}`)} aria-current=${view === name ? 'page' : nothing}>${words.app[name]}${
          name === 'approvals' && waiting > 0
            ? html`<span class="count" aria-hidden="true">${waiting}</span
              ><span class="visually-hidden">, ${words.app.toDecide(waiting)}</span>`
            : nothing
        }</a>`,
    );
  }

  private themeItem(): MenuItem {
    const { preferences } = this.session;
    const { app } = this.words;
    const isDark = preferences.theme === 'dark';
    return {
      label: isDark ? app.light : app.dark,
      icon: isDark ? icons.sun : icons.moon,
      run: () => preferences.toggleTheme(),
    };
  }

  private menu(): MenuGroup[] {
    const { app } = this.words;
    return [
      {
        items: [
          this.themeItem(),
          {
            label: app.otherLanguage.name,
            icon: html`<span class="glyph" aria-hidden="true">文</span>`,
            run: () => void this.session.speak(app.otherLanguage.language),
          },
        ],
      },
      {
        items: [
          ...(window.top === window
            ? [
                {
                  label: app.sideBySide,
                  icon: icons.columns,
                  run: () =>
                    location.assign(
                      `/side-by-side?left=${encodeURIComponent(this.session.user)}&right=${this.session.user === 'bob' ? 'alice' : 'bob'}`,
                    ),
                },
              ]
            : []),
          {
            label: app.leave,
            icon: icons.leave,
            run: () => this.dispatchEvent(new CustomEvent('leave', { bubbles: true })),
          },
        ],
      },
    ];
  }

  private readonly navigated = (): void => this.requestUpdate();

  private onOpen(event: NotificationOpenEvent): void {
    if (follow(event.detail.url)) event.preventDefault();
  }
}

/** Before the browser opens a link of the bell in another tab, which knows nobody. */
function stayLoggedIn(event: Event): void {
  const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement);
  if (link) link.href = inThisLogin(link.getAttribute('href')) ?? link.href;
}
