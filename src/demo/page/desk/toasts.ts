import { html, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { InboxNotification } from '../../../client/index.js';
import { follow, inThisLogin, safeLink } from '../route.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';

const ICONS: Record<string, TemplateResult> = {
  deal: icons.deal,
  approval: icons.stamp,
  reminder: icons.clock,
  import: icons.upload,
  announcement: icons.announce,
};

/** What has just arrived. The bell tells screen readers of it; here it is for the eye. */
export class Toasts extends SessionElement {
  protected override render(): TemplateResult {
    const { session, words } = this;
    return html`<section class="toasts" aria-label=${words.toasts.title}>
      ${repeat(
        session.toasts.items,
        ({ id }) => id,
        (item) => this.toast(item),
      )}
    </section>`;
  }

  private toast(item: InboxNotification): TemplateResult {
    const { toasts } = this.session;
    const { id, title, body, type } = item;
    const [noun = ''] = type.split('.');
    return html`<article class="toast" @mouseenter=${() => toasts.hold(id)} @mouseleave=${() => toasts.resume(id)}
      @focusin=${() => toasts.hold(id)} @focusout=${() => toasts.resume(id)}>
      <span class="toast-icon" data-noun=${noun}>${ICONS[noun] ?? icons.announce}</span>
      <div class="toast-text">
        <a href=${inThisLogin(safeLink(item.url)) ?? '#'} dir="auto" @click=${(event: MouseEvent) => this.open(item, event)}>${title}</a>
        ${body ? html`<p dir="auto">${body}</p>` : ''}
      </div>
      <button type="button" class="icon-button" aria-label=${this.words.toasts.dismiss(title)}
        @click=${() => toasts.dismiss(id)}>${icons.close}</button>
    </article>`;
  }

  private open(item: InboxNotification, event: MouseEvent): void {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (safeLink(item.url) === null || follow(item.url)) event.preventDefault();
    void this.session.inbox.markRead(item.id);
    this.session.toasts.dismiss(item.id);
  }
}
