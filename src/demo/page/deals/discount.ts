import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import type { Approval, Deal } from '../crm.types.js';
import { SessionElement } from '../ui/session-element.js';
import { reasonOf } from '../words/reason.js';

/** The discounts that were asked for on a deal, and a form to ask for one. */
export class Discount extends SessionElement {
  static override readonly properties: PropertyDeclarations = {
    deal: { attribute: false },
    approvals: { state: true },
    isAsking: { state: true },
    problem: { state: true },
  };

  declare deal: Deal;
  declare private approvals: Approval[];
  declare private isAsking: boolean;
  declare private problem: string;
  private shown: unknown;

  constructor() {
    super();
    this.approvals = [];
    this.isAsking = false;
    this.problem = '';
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    super.willUpdate(changed);
    if (changed.has('deal') && changed.get('deal')?.id !== this.deal.id) {
      this.approvals = [];
      this.isAsking = false;
      this.problem = '';
    }
  }

  protected override updated(changed: PropertyValues<this>): void {
    // The user's own are loaded anew whenever one of a deal has changed.
    const isNew = changed.has('deal') && changed.get('deal')?.id !== this.deal.id;
    if (!isNew && this.shown === this.session.approvals.value) return;
    this.shown = this.session.approvals.value;
    void this.load();
  }

  protected override render(): TemplateResult {
    const { approval } = this.words;
    const isPending = this.approvals.some(({ status }) => status === 'pending');
    return html`<section class="panel-section" aria-labelledby="discount-title">
      <h3 id="discount-title">${approval.title}</h3>
      ${this.approvals.length === 0 && !this.isAsking ? html`<p class="soft">${approval.none}</p>` : nothing}
      ${this.approvals.map(
        (one) => html`<crm-approval .session=${this.session} .approval=${one} .isInDeal=${true}></crm-approval>`,
      )}
      ${
        this.isAsking
          ? this.form()
          : isPending
            ? nothing
            : html`<button type="button" class="secondary" @click=${this.start}>${approval.ask}</button>`
      }
    </section>`;
  }

  private form(): TemplateResult {
    const { approval, app } = this.words;
    const { people, user } = this.session;
    return html`<form class="stack" @submit=${this.onSubmit}>
      <label>${approval.approver}
        <select name="approver" required>
          ${people.value.filter(({ id }) => id !== user).map(({ id, name }) => html`<option value=${id}>${name}</option>`)}
        </select>
      </label>
      <label>${approval.discount(this.deal.currency)}
        <input name="amount" type="number" inputmode="numeric" min="1" max=${this.deal.amount} step="1" required>
      </label>
      <label>${approval.reason}
        <textarea name="reason" rows="2" maxlength="500" required placeholder=${approval.reasonHint}></textarea>
      </label>
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <div class="form-actions">
        <button type="submit">${approval.send}</button>
        <button type="button" class="quiet" @click=${this.stop}>${app.cancel}</button>
      </div>
    </form>`;
  }

  private async start(): Promise<void> {
    this.isAsking = true;
    await this.updateComplete;
    this.querySelector('select')?.focus();
  }

  private async stop(): Promise<void> {
    this.isAsking = false;
    this.problem = '';
    await this.updateComplete;
    (this.querySelector<HTMLElement>('.secondary') ?? this.querySelector<HTMLElement>('.approval'))?.focus();
  }

  private async onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const [approver, reason] = [String(form.get('approver')), String(form.get('reason'))];
    try {
      await this.session.ask(this.deal.id, { approver, reason, amount: Number(form.get('amount')) });
      await this.stop();
    } catch (error) {
      this.problem = reasonOf(error, this.words);
    }
  }

  private async load(): Promise<void> {
    const { id } = this.deal;
    await this.session.attempt(async () => {
      const approvals = await this.session.approvalsOf(id);
      if (this.deal.id === id) this.approvals = approvals;
    });
  }
}
