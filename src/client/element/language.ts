import type { ReactiveController, ReactiveControllerHost } from 'lit';
import { en, type NotificationBellMessages, zhCN } from './messages.js';
import { RelativeTime } from './relative-time.js';

interface LanguageHost extends ReactiveControllerHost, Element {
  readonly locale: string | null;
  readonly messages: Partial<NotificationBellMessages> | null;
}

const BUILT_IN: Readonly<Record<string, NotificationBellMessages>> = { en, zh: zhCN };

/**
 * The words and the times in the element's language: built in, or English with its own in their place. A locale that
 * nobody has words for gets English times too: two languages in one line are worse than a foreign one.
 */
export class Language implements ReactiveController {
  locale = 'en';
  messages = en;
  times!: RelativeTime;

  private known: readonly unknown[] = [];
  private observer: MutationObserver | null = null;

  constructor(private readonly host: LanguageHost) {}

  hostConnected(): void {
    this.observer = new MutationObserver(() => this.host.requestUpdate());
    this.observer.observe(document.documentElement, { attributeFilter: ['lang'] });
  }

  hostDisconnected(): void {
    this.observer?.disconnect();
  }

  hostUpdate(): void {
    const { locale: wanted, messages: own } = this.host;
    const locale = canonical(wanted || surroundingLocale(this.host));
    if (this.known[0] === locale && this.known[1] === own) return;
    this.known = [locale, own];
    const builtIn = BUILT_IN[locale.split('-', 1)[0] as string];
    this.messages = { ...(builtIn ?? en), ...own };
    this.locale = builtIn || own ? locale : 'en';
    this.times = new RelativeTime(this.locale, this.messages.justNow);
  }
}

/** The language of the page around the element, or the reader's own. */
function surroundingLocale(element: Element): string {
  let inner: Element | undefined = element;
  while (inner) {
    const lang = inner.closest('[lang]')?.getAttribute('lang');
    if (lang) return lang;
    const root: Node = inner.getRootNode();
    inner = root instanceof ShadowRoot ? root.host : undefined;
  }
  return navigator.language;
}

function canonical(locale: string): string {
  try {
    return Intl.getCanonicalLocales(locale.replaceAll('_', '-'))[0] ?? 'en';
  } catch {
    return 'en';
  }
}
