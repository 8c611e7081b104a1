import { LitElement, type PropertyDeclarations, type PropertyValues } from 'lit';
import { formatMoney } from '../../deals/money.js';
import type { Language } from '../../people/language.js';
import type { Deal } from '../crm.types.js';
import type { Session } from '../session/session.js';
import { WORDS, type Words } from '../words/words.js';

/** A part of the page that shows something of the session. It is part of the document: one style sheet is for all. */
export abstract class SessionElement extends LitElement {
  static override readonly properties: PropertyDeclarations = { session: { attribute: false } };

  declare session: Session;
  private unsubscribe: (() => void)[] = [];

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.listen();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.unsubscribe.splice(0)) end();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('session')) this.listen();
  }

  protected get words(): Words {
    return WORDS[this.language];
  }

  protected get language(): Language {
    return this.session.preferences.language;
  }

  protected money(amount: number, { currency }: Pick<Deal, 'currency'>): string {
    return formatMoney(amount, currency, this.language);
  }

  protected count(count: number): string {
    return count.toLocaleString(this.language);
  }

  protected moment(at: string): string {
    const form = { dateStyle: 'medium', timeStyle: 'short' } as const;
    return new Intl.DateTimeFormat(this.language, form).format(new Date(at));
  }

  private listen(): void {
    for (const end of this.unsubscribe.splice(0)) end();
    if (!this.session || !this.isConnected) return;
    const update = () => this.requestUpdate();
    this.unsubscribe = [this.session.changes.subscribe(update), this.session.preferences.changes.subscribe(update)];
  }
}
