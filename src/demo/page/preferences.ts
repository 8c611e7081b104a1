import { isLanguage, type Language } from '../people/language.js';
import { Changes } from './session/changes.js';

const THEME = 'crm-demo.theme';
const LANGUAGE = 'crm-demo.language';

export type Theme = 'light' | 'dark';

/** How this browser wants to see the page. */
export class Preferences {
  readonly changes = new Changes();
  /** That of the person who is logged in, else what was chosen here before, else the browser's. */
  language: Language;
  /** Null as long as nobody has chosen: then it is the system's. */
  private chosenTheme: Theme | null = null;
  private readonly systemTheme = matchMedia('(prefers-color-scheme: dark)');

  constructor() {
    const chosen = localStorage.getItem(LANGUAGE);
    this.language = isLanguage(chosen) ? chosen : navigator.language.startsWith('zh') ? 'zh-CN' : 'en';
    this.readTheme();
    this.systemTheme.addEventListener('change', () => this.apply());
    // Another window, or the other half of this one.
    addEventListener('storage', ({ key }) => key === THEME && this.readTheme());
    this.apply();
  }

  get theme(): Theme {
    return this.chosenTheme ?? (this.systemTheme.matches ? 'dark' : 'light');
  }

  toggleTheme(): void {
    localStorage.setItem(THEME, this.theme === 'dark' ? 'light' : 'dark');
    this.readTheme();
  }

  /** As the person wants it who is logged in: another one may sit at this browser next. */
  speak(language: Language): void {
    this.language = language;
    this.apply();
  }

  /** As somebody has just chosen. */
  choose(language: Language): void {
    localStorage.setItem(LANGUAGE, language);
    this.speak(language);
  }

  private readTheme(): void {
    const theme = localStorage.getItem(THEME);
    this.chosenTheme = theme === 'light' || theme === 'dark' ? theme : null;
    this.apply();
  }

  private apply(): void {
    const { documentElement } = document;
    documentElement.lang = this.language;
    documentElement.dataset.theme = this.theme;
    this.changes.tell();
  }
}
