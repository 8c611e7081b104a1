import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import type { Person } from '../crm.types.js';
import type { Preferences } from '../preferences.js';
import { Api } from '../session/api.js';
import { avatar } from '../ui/avatar.js';
import { icons } from '../ui/icons.js';
import { reasonOf } from '../words/reason.js';
import { WORDS } from '../words/words.js';

/** Who comes in. @fires login With the id of the user. */
export class Login extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    preferences: { attribute: false },
    problem: {},
    isBusy: { type: Boolean },
    colleagues: { state: true },
  };

  declare preferences: Preferences;
  declare problem: string;
  declare isBusy: boolean;
  declare private colleagues: Person[];

  constructor() {
    super();
    this.problem = '';
    this.isBusy = false;
    this.colleagues = [];
  }

  override async connectedCallback(): Promise<void> {
    super.connectedCallback();
    try {
      this.colleagues = (await Api.anonymous().get<{ items: Person[] }>('/colleagues')).items;
    } catch (error) {
      this.problem = reasonOf(error, WORDS[this.preferences.language]);
    }
  }

  protected override createRenderRoot(): this {
    return this;
  }

  protected override render(): TemplateResult {
    const { language } = this.preferences;
    const { app, login, roles } = WORDS[language];
    return html`<main class="login">
      <header class="login-head">
        <span class="brand">${icons.logo} Kontor</span>
        <button type="button" class="quiet" lang=${app.otherLanguage.language}
          @click=${() => this.preferences.choose(app.otherLanguage.language)}>${app.otherLanguage.name}</button>
      </header>
      <div class="login-card">
        <h1>${login.title}</h1>
        <p class="soft">${login.hint}</p>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <ul class="colleagues" aria-label=${login.colleagues}>
          ${this.colleagues.map(
            (person) => html`<li><button type="button" class="colleague" ?disabled=${this.isBusy}
              @click=${() => this.enter(person.id)}>
              ${avatar(person)}
              <span><strong>${person.name}</strong><small>${roles[person.role ?? ''] ?? nothing}</small></span>
            </button></li>`,
          )}
        </ul>
        <form class="inline-form" @submit=${this.onSubmit}>
          <label for="user">${login.somebodyElse}</label>
          <input id="user" name="user" required maxlength="64" autocomplete="off" autocapitalize="none"
            spellcheck="false" placeholder=${login.somebodyElseHint}>
          <button type="submit" ?disabled=${this.isBusy}>${login.enter}</button>
        </form>
      </div>
      ${
        window.top === window
          ? html`<a class="side-by-side-link" href="/side-by-side?left=alice&right=bob">
              ${icons.columns}<span><strong>${login.sideBySide}</strong><small>${login.sideBySideHint}</small></span>
            </a>`
          : nothing
      }
    </main>`;
  }

  private onSubmit(event: SubmitEvent): void {
    event.preventDefault();
    const user = new FormData(event.currentTarget as HTMLFormElement).get('user');
    this.enter(String(user).trim());
  }

  private enter(user: string): void {
    this.dispatchEvent(new CustomEvent('login', { detail: user }));
  }
}
