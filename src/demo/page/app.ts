import { html, LitElement, type PropertyDeclarations, type TemplateResult } from 'lit';
import { Preferences } from './preferences.js';
import { readRoute } from './route.js';
import { ApiError } from './session/api.js';
import { Session } from './session/session.js';
import { reasonOf } from './words/reason.js';
import { WORDS } from './words/words.js';

const STORED_USER = 'crm-demo.user';

/** Of this window: another one may be somebody else's. The frames of one window share it, so they keep nothing there. */
const stored = window.top === window ? sessionStorage : null;

/** The page: the login, the desk of who is logged in, or two of them side by side. */
export class App extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    session: { state: true },
    isBusy: { state: true },
    problem: { state: true },
  };

  declare private session: Session | null;
  declare private isBusy: boolean;
  declare private problem: string;
  private readonly preferences = new Preferences();

  constructor() {
    super();
    this.session = null;
    this.isBusy = false;
    this.problem = '';
    this.preferences.changes.subscribe(() => this.requestUpdate());
    const user = new URLSearchParams(location.search).get('user') ?? stored?.getItem(STORED_USER);
    if (user && !this.isSideBySide) void this.login(user);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('popstate', this.returned);
    addEventListener('hashchange', this.look);
    addEventListener('pagehide', this.lookAway);
    // Back from the cache of the browser.
    addEventListener('pageshow', this.look);
  }

  protected override createRenderRoot(): this {
    return this;
  }

  protected override render(): TemplateResult {
    const { preferences, session } = this;
    if (this.isSideBySide) return html`<crm-side-by-side .preferences=${preferences}></crm-side-by-side>`;
    if (session) return html`<crm-desk .session=${session} @leave=${() => this.leave('')}></crm-desk>`;
    return html`<crm-login .preferences=${preferences} .problem=${this.problem} .isBusy=${this.isBusy}
      @login=${({ detail }: CustomEvent<string>) => void this.login(detail)}></crm-login>`;
  }

  protected override updated(): void {
    const { user } = this.session ?? {};
    document.title = user && this.session ? `${this.session.person(user).name} · Kontor` : 'Kontor CRM';
  }

  private get isSideBySide(): boolean {
    return location.pathname === '/side-by-side';
  }

  private async login(user: string): Promise<void> {
    this.isBusy = true;
    this.problem = '';
    try {
      const session = await Session.open(user, this.preferences, (ended) => this.expire(ended));
      this.session = session;
      stored?.setItem(STORED_USER, user);
      history.replaceState(null, '', `/?user=${encodeURIComponent(user)}${location.hash}`);
      this.look();
    } catch (error) {
      this.problem = reasonOf(error, WORDS[this.preferences.language]);
      if (error instanceof ApiError) history.replaceState(null, '', `/${location.hash}`);
    } finally {
      this.isBusy = false;
    }
  }

  private expire(session: Session): void {
    if (this.session === session) this.leave(WORDS[this.preferences.language].app.loggedOut);
  }

  private leave(problem: string): void {
    this.session?.close();
    this.session = null;
    this.problem = problem;
    stored?.removeItem(STORED_USER);
    // Who was logged out against their will comes back to where they were.
    history.replaceState(null, '', problem ? `/${location.hash}` : '/');
  }

  /** The way back may lead to an address of who was logged in before. Browsers don't tell of its hash then. */
  private readonly returned = (): void => {
    const { user } = this.session ?? {};
    if (!user || new URLSearchParams(location.search).get('user') === user) return;
    history.replaceState(null, '', `/?user=${encodeURIComponent(user)}${location.hash}`);
    dispatchEvent(new Event('hashchange'));
  };

  /** Others see which deal this window shows. */
  private readonly look = (): void => {
    const route = readRoute(location.hash);
    this.session?.viewing.show(route.view === 'deals' ? route.dealId : null);
  };

  private readonly lookAway = (): void => this.session?.viewing.show(null);
}
