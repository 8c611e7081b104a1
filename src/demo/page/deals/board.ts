import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import { STAGE_NAMES, STAGES, type Stage } from '../../deals/stage.js';
import type { Deal } from '../crm.types.js';
import { linkTo } from '../route.js';
import { avatar } from '../ui/avatar.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';
import { dealMenu } from './deal-menu.js';

/** What a card carries while it is dragged: no other program's drag has it. */
const DRAGGED = 'application/x-kontor-deal';

/** The deals in columns, one for each stage. */
export class Board extends SessionElement {
  static override readonly properties: PropertyDeclarations = {
    openDeal: { attribute: false },
    isMine: { state: true },
    target: { state: true },
  };

  declare openDeal: number | null;
  /** Whether only the user's own deals are shown. */
  declare private isMine: boolean;
  /** The column that a card is dragged over. */
  declare private target: Stage | null;
  /** Finds what has the focus, if it is on a card. */
  private focused: string | null = null;

  constructor() {
    super();
    this.openDeal = null;
    this.isMine = false;
    this.target = null;
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    this.focused = focusedControl(this);
  }

  /** A card that moves is made anew in its new column: it keeps the focus, whoever moved it. */
  protected override updated(): void {
    if (this.focused && focusedControl(this) === null) this.querySelector<HTMLElement>(this.focused)?.focus();
  }

  protected override render(): TemplateResult {
    const { session, words } = this;
    const deals = session.deals.value.filter(({ owner }) => !this.isMine || owner === session.user);
    return html`
      <div class="view-head">
        <h1>${words.app.deals}</h1>
        <span class="soft wide-only">${words.board.hint}</span>
        <div class="segments" role="group" aria-label=${words.board.show}>
          ${[false, true].map(
            (isMine) => html`<button type="button" aria-pressed=${this.isMine === isMine}
              @click=${() => {
                this.isMine = isMine;
              }}>${isMine ? words.board.mine : words.board.everyone}</button>`,
          )}
        </div>
      </div>
      <p class="visually-hidden" role="status">${this.lastMove()}</p>
      <div class="board">
        ${STAGES.map((stage) =>
          this.column(
            stage,
            deals.filter((deal) => deal.stage === stage),
          ),
        )}
      </div>`;
  }

  private column(stage: Stage, deals: Deal[]): TemplateResult {
    const { words } = this;
    const name = STAGE_NAMES[this.language][stage];
    return html`<section class="column" data-stage=${stage} aria-label="${name}, ${words.board.deals(deals.length)}"
      ?data-target=${this.target === stage} @dragover=${(event: DragEvent) => this.onDragOver(event, stage)}
      @dragleave=${(event: DragEvent) => this.onDragLeave(event)} @drop=${(event: DragEvent) => this.onDrop(event, stage)}>
      <header class="column-head">
        <h2>${name}</h2><span class="soft" aria-hidden="true">${deals.length}</span>
        <span class="column-sum soft">${this.sums(deals)}</span>
      </header>
      <ul class="cards">
        ${repeat(
          deals,
          ({ id }) => id,
          (deal) => this.card(deal),
        )}
      </ul>
      ${deals.length === 0 ? html`<p class="column-empty">${words.board.empty}</p>` : nothing}
    </section>`;
  }

  private card(deal: Deal): TemplateResult {
    const { session, words } = this;
    const owner = session.person(deal.owner);
    const isAsked = session.approvals.value.some(({ dealId, status }) => dealId === deal.id && status === 'pending');
    const isOpen = this.openDeal === deal.id;
    return html`<li class="card" draggable="true" data-deal=${deal.id} ?data-open=${isOpen}
      data-touched=${session.touched.has(deal.id) ? ((session.touched.get(deal.id) ?? 0) % 2 ? 'odd' : 'even') : nothing}
      @dragstart=${(event: DragEvent) => this.onDragStart(event, deal)}
      @dragend=${() => {
        this.target = null;
      }}>
      <div class="card-top">
        <a class="card-link" href=${linkTo(isOpen ? '#deals' : `#deal-${deal.id}`)} draggable="false"
          aria-current=${isOpen ? 'true' : nothing}>${deal.name}</a>
        <crm-menu .label=${words.board.menu(deal.name)} .face=${icons.more}
          .groups=${dealMenu(deal, session, this.language)}></crm-menu>
      </div>
      <span class="card-company">${deal.company}</span>
      <div class="card-foot">
        <span class="amount">${this.money(deal.amount, deal)}</span>
        ${isAsked ? mark('badge-icon', words.board.pending, icons.stamp) : nothing}
        ${this.viewers(deal)}
        ${avatar(owner, words.board.owner(owner.name))}
      </div>
    </li>`;
  }

  private viewers(deal: Deal): TemplateResult | typeof nothing {
    const { session, words } = this;
    const viewers = session.viewing.usersAt(deal.id).map((id) => session.person(id));
    if (viewers.length === 0) return nothing;
    const label = words.board.looking(viewers.map(({ name }) => name).join(', '));
    return mark('viewers', label, html`${icons.eye}${viewers.map((viewer) => avatar(viewer))}`);
  }

  /** Said to who can't see it. */
  private lastMove(): string {
    const { moved } = this.session;
    return moved ? this.words.board.moved(moved.name, STAGE_NAMES[this.language][moved.stage]) : '';
  }

  /** What a column is worth, in each currency. */
  private sums(deals: Deal[]): string {
    const currencies = [...new Set(deals.map(({ currency }) => currency))].sort((a, b) => b.localeCompare(a));
    return currencies
      .map((currency) => {
        const sum = deals.reduce((total, deal) => (deal.currency === currency ? total + deal.amount : total), 0);
        const form = { style: 'currency', currency, notation: 'compact', maximumSignificantDigits: 3 } as const;
        return new Intl.NumberFormat(this.language, form).format(sum);
      })
      .join(' · ');
  }

  private onDragStart({ dataTransfer }: DragEvent, deal: Deal): void {
    dataTransfer?.setData(DRAGGED, String(deal.id));
    if (dataTransfer) dataTransfer.effectAllowed = 'move';
  }

  private onDragOver(event: DragEvent, stage: Stage): void {
    if (!event.dataTransfer?.types.includes(DRAGGED)) return;
    event.preventDefault();
    this.target = stage;
  }

  private onDragLeave({ currentTarget, relatedTarget }: DragEvent): void {
    if (!(currentTarget as Element).contains(relatedTarget as Node | null)) this.target = null;
  }

  private onDrop(event: DragEvent, stage: Stage): void {
    const deal = this.session.deal(Number(event.dataTransfer?.getData(DRAGGED)));
    this.target = null;
    if (!deal) return;
    event.preventDefault();
    if (deal.stage !== stage) void this.session.change(deal.id, { stage });
  }
}

/** Something to see on a card, and what it says. */
function mark(look: string, label: string, drawing: TemplateResult): TemplateResult {
  return html`<span class=${look} role="img" aria-label=${label} title=${label}>${drawing}</span>`;
}

/** A selector of what has the focus on a card of this board; null if it is elsewhere. */
function focusedControl(board: Board): string | null {
  const { activeElement } = document;
  const card = activeElement?.closest<HTMLElement>('.card');
  if (!card || !board.contains(card)) return null;
  return `.card[data-deal="${card.dataset.deal}"] ${activeElement?.matches('.card-link') ? '.card-link' : 'crm-menu'}`;
}
