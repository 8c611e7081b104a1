import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AxeResults, RunOptions } from 'axe-core';
import { build } from 'esbuild';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import type { InboxNotification, InboxState } from '../../../src/client/index.js';
import type { TestBrowser } from '../support/describe-in-chromium.js';

export interface BellPageOptions extends BrowserContextOptions {
  lang?: string;
  dir?: 'ltr' | 'rtl';
  /** What is in the body, with a bell. */
  body?: string;
  /** Time stands at this moment, and goes on when the test says so. */
  now?: Date;
}

/** What a careful host sends: no inline script or style, no markup from strings but lit's own templates. */
const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "require-trusted-types-for 'script'",
  "trusted-types lit-html 'allow-duplicates'",
].join('; ');
const STYLES =
  'body { margin: 0; font-family: sans-serif } nav { display: flex; justify-content: end; overflow: hidden }';
const BODY =
  '<nav><button id="before">Before</button><notification-bell></notification-bell></nav><button id="after">After</button>';
const WCAG: RunOptions = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
};

const require = createRequire(import.meta.url);
const axeScript = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
let bundle: Promise<string> | undefined;

/** A page with a bell, whose inbox does what the test says. */
export class BellPage {
  private constructor(readonly page: Page) {}

  static async open(browser: TestBrowser, options: BellPageOptions = {}): Promise<BellPage> {
    const { lang = 'en', dir = 'ltr', body = BODY, now, ...contextOptions } = options;
    const context = await browser.newContext({ reducedMotion: 'reduce', ...contextOptions });
    const page = await context.newPage();
    if (now) {
      await page.clock.install({ time: now.getTime() - 1_000 });
      await page.clock.pauseAt(now);
    }
    await page.addInitScript({ content: axeScript });
    const html = `<!doctype html><html lang="${lang}" dir="${dir}"><title>CRM</title>
      <meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
      <body><main><h1>CRM</h1>${body}</main><script src="/page.js"></script>`;
    bundle ??= bundlePage();
    const script = await bundle;
    // The tabs that links open, too.
    await context.route('http://crm.test/**', async (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname === '/page.js') await route.fulfill({ contentType: 'text/javascript', body: script });
      else if (pathname === '/page.css') await route.fulfill({ contentType: 'text/css', body: STYLES });
      else
        await route.fulfill({ contentType: 'text/html', headers: { 'content-security-policy': POLICY }, body: html });
    });
    await page.goto('http://crm.test/');
    return new BellPage(page);
  }

  /** Runs the page's script once more, as a second bundle with the element would. */
  async loadAgain(): Promise<void> {
    await this.page.evaluate(await (bundle as Promise<string>));
  }

  get button(): Locator {
    return this.page.locator('[part=bell]');
  }

  get badge(): Locator {
    return this.page.locator('[part=badge]');
  }

  get panel(): Locator {
    return this.page.locator('[part=panel]').and(this.page.getByRole('dialog'));
  }

  get rows(): Locator {
    return this.panel.getByRole('listitem');
  }

  get scroller(): Locator {
    return this.page.locator('#scroller');
  }

  /** Runs a function in the page. */
  async run<T, A>(script: (argument: A) => T, argument?: A): Promise<Awaited<T>> {
    return (await this.page.evaluate(script as (argument: unknown) => T, argument)) as Awaited<T>;
  }

  /** Resolves once it holds in the page. */
  async until<A>(condition: (argument: A) => unknown, argument?: A): Promise<void> {
    const options = { polling: 20, timeout: 5_000 };
    await this.page.waitForFunction(condition as (argument: unknown) => unknown, argument, options);
  }

  /** So many unread notifications, numbered downwards to 1. */
  async show(count: number, state: Partial<InboxState> = {}): Promise<void> {
    await this.run(
      ([count, state]) => {
        bells.inbox.setItems(bells.notifications(count));
        bells.inbox.set(state);
      },
      [count, state] as const,
    );
  }

  async showThese(...items: Partial<InboxNotification>[]): Promise<void> {
    await this.run(
      (items) => bells.inbox.setItems(items.map((item, i) => bells.notification(items.length - i, item))),
      items,
    );
  }

  /** Shows notifications, and opens the panel. */
  async openWith(count: number, state?: Partial<InboxState>): Promise<void> {
    await this.show(count, state);
    await this.button.click();
    await this.panel.waitFor();
  }

  async calls(): Promise<unknown[][]> {
    return await this.run(() => bells.inbox.calls);
  }

  /** What has the focus: the id of the row and the control in it, or the element's id or label. */
  async focused(): Promise<string> {
    return await this.run(() => {
      let element = document.activeElement as HTMLElement | null;
      while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement as HTMLElement;
      const row = element?.closest<HTMLElement>('[data-id]');
      if (row) return `${row.dataset.id} ${element?.dataset.control}`;
      return element?.id || element?.getAttribute('aria-label') || element?.textContent?.trim() || '';
    });
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** What axe-core finds, in words. */
  async violations(): Promise<string[]> {
    const { violations } = await this.run(
      async (options) =>
        await (globalThis as unknown as { axe: { run(o: RunOptions): Promise<AxeResults> } }).axe.run(options),
      WCAG,
    );
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  }
}

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./page-script.ts', import.meta.url))],
    bundle: true,
    write: false,
    target: 'es2022',
    sourcemap: 'inline',
  });
  return outputFiles[0]?.text as string;
}
