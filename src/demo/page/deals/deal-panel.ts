import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { STAGE_NAMES } from '../../deals/stage.js';
import type { Contact, Deal } from '../crm.types.js';
import { linkTo } from '../route.js';
import { avatar } from '../ui/avatar.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';
import { ownerMenu, stageMenu } from './deal-menu.js';

/** One deal, beside the board. */
export class DealPanel extends SessionElement {
  static override readonly properties: PropertyDeclarations = {
    dealId: { attribute: false },
    contacts: { state: true },
  };

  declare dealId: number;
  declare private contacts: Contact[];
  /** What had the focus before, to give it back. */
  private opener: Element | null = null;

  constructor() {
    super();
    this.contacts = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.opener = document.activeElement;
    addEventListener('keydown', this.onKey);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('keydown', this.onKey);
    const card = document.querySelector<HTMLElement>(`.card[data-deal="${this.dealId}"] .card-link`);
    const { opener } = this;
    if (opener instanceof HTMLElement && opener.isConnected && opener !== document.body) opener.focus();
    else card?.focus();
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has('dealId')) return;
    this.querySelector<HTMLElement>('h2')?.focus();
    document.querySelector('.card[data-open]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    void this.loadContacts();
  }

  protected override render(): TemplateResult {
    const { words } = this;
    const deal = this.session.deal(this.dealId);
    return html`<aside class="panel" aria-labelledby="deal-name">
      <header class="panel-head">
        <div>
          <p class="soft">${deal?.company ?? nothing}</p>
          <h2 id="deal-name" tabindex="-1">${deal?.name ?? words.deal.missing}</h2>
        </div>
        <a class="icon-button" href=${linkTo('#deals')} aria-label=${words.deal.back} title=${words.deal.back}>${icons.close}</a>
      </header>
      ${deal ? this.details(deal) : nothing}
    </aside>`;
  }

  private details(deal: Deal): TemplateResult {
    const { language, session, words } = this;
    const owner = session.person(deal.owner);
    const viewers = session.viewing.usersAt(deal.id).map((id) => session.person(id));
    return html`
      <dl class="facts">
        <dt>${words.deal.amount}</dt>
        <dd class="amount">${this.money(deal.amount, deal)}</dd>
        <dt>${words.deal.stage}</dt>
        <dd><crm-menu .label="${words.deal.stage}: ${STAGE_NAMES[language][deal.stage]}" .look=${'field-button'}
          .groups=${[stageMenu(deal, session, language)]}
          .face=${html`<span class="stage-dot" data-stage=${deal.stage}></span>${STAGE_NAMES[language][deal.stage]}${icons.chevron}`}></crm-menu></dd>
        <dt>${words.deal.owner}</dt>
        <dd><crm-menu .label="${words.deal.owner}: ${owner.name}" .look=${'field-button'}
          .groups=${[ownerMenu(deal, session, language)]} .face=${html`${avatar(owner)}${owner.name}${icons.chevron}`}></crm-menu></dd>
        ${
          viewers.length > 0
            ? html`<dt>${words.deal.looking}</dt>
                <dd class="people" role="status">${viewers.map((viewer) => html`<span>${avatar(viewer)}${viewer.name}</span>`)}</dd>`
            : nothing
        }
      </dl>
      <crm-discount .session=${session} .deal=${deal}></crm-discount>
      <crm-follow-up .session=${session} .deal=${deal}></crm-follow-up>
      <section class="panel-section">
        <h3>${words.deal.people}</h3>
        ${
          this.contacts.length > 0
            ? html`<ul class="people-there">${this.contacts.map(
                ({ name, email }) => html`<li><strong>${name}</strong><span class="soft">${email}</span></li>`,
              )}</ul>`
            : html`<p class="soft">${words.deal.noContacts}</p>`
        }
      </section>`;
  }

  private async loadContacts(): Promise<void> {
    const { dealId, session } = this;
    this.contacts = [];
    const deal = session.deal(dealId);
    if (!deal) return;
    await session.attempt(async () => {
      const { items } = await session.contactsOf(deal.company);
      if (this.dealId === dealId) this.contacts = items.slice(0, 5);
    });
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const isTaken =
      event.defaultPrevented || event.isComposing || document.querySelector('dialog[open], :popover-open') !== null;
    if (event.key === 'Escape' && !isTaken) location.hash = '#deals';
  };
}
