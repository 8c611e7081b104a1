import type { Page, Route } from 'playwright-core';

/**
 * What happens to tabs. Headless Chromium keeps every page visible and never freezes one
 * (`Page.setWebLifecycleState` answers, and timers go on), so both are done in another way.
 */

/** Tells the page that it was hidden, or is shown again. */
export async function setVisibility(page: Page, visibility: 'hidden' | 'visible'): Promise<void> {
  await page.evaluate((visibility) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => visibility });
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => visibility === 'hidden' });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, visibility);
}

/** A page in which nothing runs any more. */
export interface FrozenPage {
  thaw(): Promise<void>;
}

/**
 * Stops all that runs in a page by a synchronous request that is not answered: as in a page that the browser froze, its
 * timers, messages and events wait until it thaws, while it keeps its Web Locks and its connections. (The debugger stops
 * it too, but loses what other tabs tell it meanwhile.)
 */
export async function freeze(page: Page): Promise<FrozenPage> {
  const url = new URL('/frozen', page.url()).href;
  const caught = new Promise<Route>((resolve) => void page.route(url, resolve, { times: 1 }));
  const script = page.evaluate((url) => {
    const request = new XMLHttpRequest();
    request.open('GET', url, false);
    request.send();
  }, url);
  // A test that fails may end before it has thawed.
  script.catch(() => {});
  const request = await caught;
  return {
    thaw: async () => {
      await request.fulfill({ body: '' });
      await script;
    },
  };
}

/** Kills the process that the page runs in. */
export async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent('crash');
  // The navigation never ends.
  page.goto('chrome://crash').catch(() => {});
  await crashed;
}
