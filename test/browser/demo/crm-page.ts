import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from '@jest/globals';
import type { AxeResults, RunOptions } from 'axe-core';
import type { BrowserContext, Frame, Locator, Page } from 'playwright-core';
import { eventually } from '../../support/eventually.js';

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const PATIENCE_MS = 20_000;

/** The demo's page in a tab, or in a frame of one, by what a user sees of it. */
export class CrmPage {
  private constructor(
    readonly page: Page,
    private readonly frame: Frame,
  ) {}

  static async open(context: BrowserContext, url: string): Promise<CrmPage> {
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    await page.addInitScript({ content: AXE });
    await page.goto(url);
    return new CrmPage(page, page.mainFrame());
  }

  /** Opens it as a user, and waits for the stream: from then on what happens is seen. */
  static async openAs(context: BrowserContext, url: string, user: string, hash = ''): Promise<CrmPage> {
    const crm = await CrmPage.open(context, `${url}/?user=${user}${hash}`);
    await crm.untilLive();
    return crm;
  }

  /** One of the frames of the page side by side. */
  async half(side: 'left' | 'right'): Promise<CrmPage> {
    const element = await this.page.locator(`[data-side=${side}] iframe`).elementHandle();
    const frame = await element?.contentFrame();
    if (!frame) throw new Error(`There is no frame on the ${side}.`);
    return new CrmPage(this.page, frame);
  }

  async untilLive(): Promise<void> {
    await this.locator('.header .status-dot[data-status=live]').waitFor();
  }

  locator(selector: string): Locator {
    return this.frame.locator(selector);
  }

  button(name: string | RegExp): Locator {
    return this.frame.getByRole('button', { name, exact: true });
  }

  link(name: string | RegExp): Locator {
    return this.frame.getByRole('link', { name, exact: true });
  }

  heading(name: string): Locator {
    return this.frame.getByRole('heading', { name, exact: true });
  }

  get bell(): Locator {
    return this.locator('notification-bell [part=bell]');
  }

  get bellPanel(): Locator {
    return this.locator('notification-bell [part=panel]');
  }

  get toasts(): Locator {
    return this.locator('.toast');
  }

  card(deal: string): Locator {
    return this.locator('.card').filter({ hasText: deal });
  }

  column(stage: string): Locator {
    return this.locator(`.column[data-stage=${stage}]`);
  }

  /** How many are unread, as the badge has it. */
  async unread(): Promise<number> {
    const badge = this.locator('notification-bell [part=badge]');
    return (await badge.count()) === 0 ? 0 : Number(await badge.textContent());
  }

  async untilUnread(count: number): Promise<void> {
    await eventually(async () => expect(await this.unread()).toBe(count), { timeoutMs: PATIENCE_MS });
  }

  /** Moves or assigns a deal by the menu of its card. */
  async choose(deal: string, item: string): Promise<void> {
    await this.button(`Move or assign ${deal}`).click();
    await this.frame.getByRole('menuitemradio', { name: item, exact: true }).click();
  }

  /** Opens the newest notification that has this title. */
  async follow(title: string): Promise<void> {
    await this.bell.click();
    await this.bellPanel.getByText(title).first().click();
  }

  /** Presses Tab until this has the focus: it must be reachable. */
  async tabTo(target: Locator): Promise<void> {
    await target.waitFor();
    for (let presses = 0; presses < 120; presses++) {
      if (await isFocused(target)) return;
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`Tab never came to ${target}.`);
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async untilFocused(target: Locator): Promise<void> {
    await eventually(async () => expect(await isFocused(target)).toBe(true), { timeoutMs: PATIENCE_MS });
  }

  /** What axe-core finds in the state that this document is in; frames are documents of their own. */
  async violations(): Promise<string[]> {
    return await this.frame.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(options: RunOptions): Promise<AxeResults> } };
      // A link that is scrolled out of sight looks like one that skips to an element; the page's hashes name views.
      const rules = { 'skip-link': { enabled: false } };
      const { violations } = await axe.run({ iframes: false, rules });
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')} ${failureSummary}`),
      );
    });
  }
}

async function isFocused(target: Locator): Promise<boolean> {
  return await target.evaluate((element) => {
    let { activeElement } = document;
    while (activeElement?.shadowRoot?.activeElement) activeElement = activeElement.shadowRoot.activeElement;
    return activeElement === element;
  });
}
