import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { Approval } from '../crm.types.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';

/** What the user was asked to approve, and what they asked for. */
export class ApprovalsView extends SessionElement {
  static override readonly properties: PropertyDeclarations = { chosen: { attribute: false } };

  /** The one that a link has led to. */
  declare chosen: number | null;

  constructor() {
    super();
    this.chosen = null;
  }

  protected override async updated(changed: PropertyValues<this>): Promise<void> {
    if (!changed.has('chosen') || this.chosen === null) return;
    // The cards render after this.
    await new Promise(requestAnimationFrame);
    const card = this.querySelector<HTMLElement>(`#approval-${this.chosen}`);
    card?.scrollIntoView({ block: 'center' });
    card?.focus({ preventScroll: true });
  }

  protected override render(): TemplateResult {
    const { session, words } = this;
    const isForMe = ({ approver, status }: Approval) => approver === session.user && status === 'pending';
    const all = session.approvals.value;
    return html`
      <div class="view-head"><h1>${words.app.approvals}</h1></div>
      ${
        all.length === 0
          ? html`<div class="empty">${icons.stamp}<h2>${words.approval.noneAtAll}</h2><p>${words.approval.noneAtAllHint}</p></div>`
          : html`<div class="narrow">
              ${this.list(words.approval.waitingForYou, all.filter(isForMe))}
              ${this.list(
                words.approval.others,
                all.filter((approval) => !isForMe(approval)),
              )}
            </div>`
      }`;
  }

  private list(title: string, approvals: Approval[]): TemplateResult | typeof nothing {
    if (approvals.length === 0) return nothing;
    return html`<section>
      <h2 class="list-title">${title}</h2>
      ${repeat(
        approvals,
        ({ id }) => id,
        (approval) => html`<crm-approval .session=${this.session} .approval=${approval}
          .isChosen=${approval.id === this.chosen}></crm-approval>`,
      )}
    </section>`;
  }
}
