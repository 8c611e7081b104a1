import { html, LitElement, type PropertyDeclarations, type TemplateResult } from 'lit';
import { keyed } from 'lit/directives/keyed.js';
import type { Person } from './crm.types.js';
import type { Preferences } from './preferences.js';
import { Api } from './session/api.js';
import { icons } from './ui/icons.js';
import { WORDS } from './words/words.js';

const SIDES = ['left', 'right'] as const;

/** The page twice in one window, each as somebody else: to see messages cross. */
export class SideBySide extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    preferences: { attribute: false },
    users: { state: true },
    colleagues: { state: true },
  };

  declare preferences: Preferences;
  declare private users: Record<(typeof SIDES)[number], string>;
  declare private colleagues: Person[];

  constructor() {
    super();
    const query = new URLSearchParams(location.search);
    this.users = { left: query.get('left') || 'alice', right: query.get('right') || 'bob' };
    this.colleagues = [];
  }

  override async connectedCallback(): Promise<void> {
    super.connectedCallback();
    // Without it the two who are there still are.
    const { items } = await Api.anonymous()
      .get<{ items: Person[] }>('/colleagues')
      .catch(() => ({ items: [] }));
    this.colleagues = items;
  }

  protected override createRenderRoot(): this {
    return this;
  }

  protected override render(): TemplateResult {
    const { sideBySide } = WORDS[this.preferences.language];
    return html`<main class="side-by-side">
      <header class="side-head">
        <h1 class="brand">${icons.logo}<span>${sideBySide.title}</span></h1>
        <a class="quiet" href="/?user=${encodeURIComponent(this.users.left)}">${sideBySide.back}</a>
      </header>
      ${SIDES.map((side) => this.half(side))}
    </main>`;
  }

  private half(side: (typeof SIDES)[number]): TemplateResult {
    const { sideBySide } = WORDS[this.preferences.language];
    const user = this.users[side];
    const known = this.colleagues.some(({ id }) => id === user)
      ? this.colleagues
      : [{ id: user, name: user }, ...this.colleagues];
    const name = known.find(({ id }) => id === user)?.name ?? user;
    return html`<section class="side" data-side=${side}>
      <label>${sideBySide[side]}
        <select @change=${(event: Event) => this.choose(side, (event.currentTarget as HTMLSelectElement).value)}>
          ${known.map(({ id, name }) => html`<option value=${id} ?selected=${id === user}>${name}</option>`)}
        </select>
      </label>
      ${keyed(user, html`<iframe src="/?user=${encodeURIComponent(user)}" title=${sideBySide.frame(name)}></iframe>`)}
    </section>`;
  }

  private choose(side: (typeof SIDES)[number], user: string): void {
    this.users = { ...this.users, [side]: user };
    history.replaceState(null, '', `/side-by-side?${new URLSearchParams(this.users)}`);
  }
}
