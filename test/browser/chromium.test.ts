import { expect, test } from '@jest/globals';
import type { BrowserContext, Page } from 'playwright-core';
import { describeInChromium } from './support/describe-in-chromium.js';
import { crash, freeze, setVisibility } from './support/page-faults.js';

/** Holds a lock, counts, and answers what it hears. */
const PAGE = `<!doctype html><link rel="icon" href="data:,"><span>Notifications</span><script>
  let count = 0, answers = 0;
  setInterval(() => count++, 10);
  const channel = new BroadcastChannel('c');
  channel.onmessage = ({ data }) => data === 'ask' ? channel.postMessage('answer') : answers++;
  const hold = () => new Promise((held) => navigator.locks.request('l', () => { held(); return new Promise(() => {}) }));
  const isHeld = async () => (await navigator.locks.query()).held.length === 1;
</script>`;

await describeInChromium('The browser of the tests', (browser) => {
  async function openPages(count: number): Promise<[context: BrowserContext, ...pages: Page[]]> {
    const context = await browser.newContext();
    await context.route('**', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
    const pages = await Promise.all(Array.from({ length: count }, () => context.newPage()));
    await Promise.all(pages.map((page) => page.goto('http://127.0.0.1/')));
    return [context, ...pages];
  }

  test('has a font', async () => {
    const [, page] = await openPages(1);
    expect((await page?.locator('span').boundingBox())?.width).toBeGreaterThan(40);
  });

  test('freezes a page, which keeps its lock and answers nobody until it thaws', async () => {
    const [, frozen, other] = (await openPages(2)) as [BrowserContext, Page, Page];
    await frozen.evaluate('hold()');
    const before = await frozen.evaluate<number>('count');
    const { thaw } = await freeze(frozen);

    await other.evaluate(`channel.postMessage('ask')`);
    // As much time as it would have taken to answer, many times over.
    await other.evaluate('count = 0');
    await other.waitForFunction('count > 30');
    expect(await other.evaluate('answers')).toBe(0);
    expect(await other.evaluate('isHeld()')).toBe(true);

    await thaw();
    await other.waitForFunction('answers === 1');
    expect(await frozen.evaluate<number>('count')).toBeLessThan(before + 30);
  });

  test('crashes a page, and no other', async () => {
    const [, crashing, other] = (await openPages(2)) as [BrowserContext, Page, Page];
    await crashing.evaluate('hold()');
    await crash(crashing);
    await expect(crashing.evaluate('count')).rejects.toThrow(/crash/i);
    await other.waitForFunction('isHeld().then((held) => !held)');
  });

  test('hides and shows a page', async () => {
    const [, page] = (await openPages(1)) as [BrowserContext, Page];
    await page.evaluate(
      `document.addEventListener('visibilitychange', () => document.title += document.visibilityState)`,
    );
    await setVisibility(page, 'hidden');
    expect(await page.evaluate('document.hidden')).toBe(true);
    await setVisibility(page, 'visible');
    expect(await page.title()).toBe('hiddenvisible');
  });
});
