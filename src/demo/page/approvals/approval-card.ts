import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { Approval } from '../crm.types.js';
import { linkTo } from '../route.js';
import { avatar } from '../ui/avatar.js';
import { SessionElement } from '../ui/session-element.js';

/** One approval; who is to decide does it here. */
export class ApprovalCard extends SessionElement {
  static override readonly properties: PropertyDeclarations = {
    approval: { attribute: false },
    isInDeal: { attribute: false },
    isChosen: { attribute: false },
    isBusy: { state: true },
  };

  declare approval: Approval;
  /** Beside its deal, whose name needs not be said again. */
  declare isInDeal: boolean;
  /** The one that a link has led to. */
  declare isChosen: boolean;
  declare private isBusy: boolean;

  constructor() {
    super();
    this.isInDeal = false;
    this.isChosen = false;
    this.isBusy = false;
  }

  protected override render(): TemplateResult {
    const { session, words } = this;
    const { id, amount, approver, createdAt, dealId, note, reason, requestedBy, status } = this.approval;
    const deal = session.deal(dealId);
    const [by, to] = [session.person(requestedBy), session.person(approver)];
    const off = words.approval.off(deal ? this.money(amount, deal) : this.count(amount));
    return html`<article class="approval" id="approval-${id}" tabindex="-1" ?data-chosen=${this.isChosen}>
      <header>
        <strong>${this.isInDeal ? off : html`<a href=${linkTo(`#deal-${dealId}`)}>${deal?.name ?? `#${dealId}`}</a>`}</strong>
        <span class="chip" data-status=${status}>${words.approval.status[status]}</span>
      </header>
      ${this.isInDeal ? nothing : html`<p class="approval-off">${off}<span class="soft"> · ${deal?.company}</span></p>`}
      <p class="approval-reason" dir="auto">${reason}</p>
      <p class="approval-people soft">
        ${avatar(by)}<span>${words.approval.asked(by.name, to.name)}</span>
        <time datetime=${createdAt}>${this.moment(createdAt)}</time>
      </p>
      ${note ? html`<blockquote dir="auto">${note}<cite class="soft">${to.name}</cite></blockquote>` : nothing}
      ${status === 'pending' && approver === session.user ? this.decision() : nothing}
    </article>`;
  }

  private decision(): TemplateResult {
    const { approval } = this.words;
    return html`<form class="decision" @submit=${this.onSubmit}>
      <input name="note" maxlength="500" autocomplete="off" aria-label=${approval.note} placeholder=${approval.note}>
      <button type="submit" value="approve" ?disabled=${this.isBusy}>${approval.approve}</button>
      <button type="submit" value="reject" class="secondary" ?disabled=${this.isBusy}>${approval.reject}</button>
    </form>`;
  }

  private async onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const note = String(new FormData(event.currentTarget as HTMLFormElement).get('note'));
    const verb = (event.submitter as HTMLButtonElement | null)?.value === 'reject' ? 'reject' : 'approve';
    this.isBusy = true;
    await this.session.decide(this.approval, verb, note);
    this.isBusy = false;
    // Its form is gone, and perhaps it is in another list now.
    await new Promise(requestAnimationFrame);
    document.getElementById(`approval-${this.approval.id}`)?.focus();
  }
}
