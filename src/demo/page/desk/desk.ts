import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { readRoute } from '../route.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';

/** All that somebody who is logged in has before them. @fires leave */
export class Desk extends SessionElement {
  static override readonly properties: PropertyDeclarations = { isWireOpen: { state: true } };

  declare private isWireOpen: boolean;

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
    const route = readRoute(location.hash);
    return html`
      <a class="skip" href="#content" @click=${this.skip}>${words.app.skip}</a>
      <crm-header .session=${session} .isWireOpen=${this.isWireOpen} @wire=${this.toggleWire}></crm-header>
      ${
        session.problem
          ? html`<div class="problem banner" role="alert"><span>${session.problem}</span>
              <button type="button" class="icon-button" aria-label=${words.app.close}
                @click=${() => session.forgive()}>${icons.close}</button></div>`
          : nothing
      }
      <div class="desk-body">
        <main id="content" tabindex="-1">
          ${
            route.view === 'deals'
              ? html`<crm-board .session=${session} .openDeal=${route.dealId}></crm-board>`
              : route.view === 'approvals'
                ? html`<crm-approvals .session=${session} .chosen=${route.approvalId}></crm-approvals>`
                : html`<crm-contacts .session=${session}></crm-contacts>`
          }
        </main>
        ${
          route.view === 'deals' && route.dealId !== null
            ? html`<crm-deal .session=${session} .dealId=${route.dealId}></crm-deal>`
            : nothing
        }
        <crm-toasts .session=${session}></crm-toasts>
      </div>
      ${this.isWireOpen ? html`<crm-wire .session=${session} @close=${this.toggleWire}></crm-wire>` : nothing}`;
  }

  private readonly navigated = (): void => this.requestUpdate();

  private async toggleWire(): Promise<void> {
    this.isWireOpen = !this.isWireOpen;
    await this.updateComplete;
    if (!this.isWireOpen) this.querySelector<HTMLElement>('.wire-button')?.focus();
  }

  /** By script, because the hash says which view is shown. */
  private skip(event: Event): void {
    event.preventDefault();
    this.querySelector<HTMLElement>('#content')?.focus();
  }
}
