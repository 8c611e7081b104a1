import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { NextFunction, Request, Response } from 'express';
import type { BrowserContext, Page } from 'playwright-core';
import { accessToken } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { runDirectory } from '../support/run-directory.js';
import { useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';

const EXAMPLES = ['react', 'vue'];

await describeInChromium('The examples', (browser) => {
  const host = useClientHost();
  let built: string;
  let context: BrowserContext;

  beforeAll(async () => {
    built = join(await runDirectory(), 'examples');
    await Promise.all(EXAMPLES.map((name) => build(name, join(built, name))));
  });

  beforeEach(async () => {
    host().intercept = (request, response, next) => void serve(request, response, next);
    context = await browser.newContext();
    context.setDefaultTimeout(10_000);
  });

  /** The demo's login, and the examples beside it. */
  async function serve(request: Request, response: Response, next: NextFunction): Promise<void> {
    const { pathname } = new URL(request.url, host().url);
    if (pathname === '/login') response.json({ token: await accessToken(JSON.parse(await text(request)).user) });
    else if (EXAMPLES.some((name) => pathname.startsWith(`/${name}/`))) response.sendFile(pathname, { root: built });
    else next();
  }

  describe.each(EXAMPLES)('in %s', (name) => {
    async function open(user: string): Promise<Page> {
      const page = await context.newPage();
      await page.goto(`${host().url}/${name}/index.html?user=${user}`);
      await page.locator('.status.live').waitFor();
      return page;
    }

    test('shows what arrives, and marks it as read', async () => {
      const user = `${name}-reader`;
      const page = await open(user);
      await page.getByText('Nothing yet.').waitFor();
      // They would be gone after six seconds, which a busy machine may need to look at them.
      await page.addStyleTag({ content: '.toasts p { animation-play-state: paused }' });
      await host().notify(user, 3);
      await page.locator('main .badge', { hasText: '3' }).waitFor();
      expect(await page.locator('li a').allTextContents()).toEqual(['3', '2', '1']);
      expect(await page.locator('.toasts p').allTextContents()).toEqual(['1', '2', '3']);
      await page.getByRole('button', { name: 'Notifications, 3 unread' }).waitFor();

      await page.locator('li a').first().click();
      await page.locator('main .badge', { hasText: '2' }).waitFor();
      await page.getByRole('button', { name: 'Mark all as read' }).click();
      await page.locator('main .badge').waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Notifications, none unread' }).waitFor();
      await eventually(async () => expect(await host().notifications.unreadCount(user)).toMatchObject({ unread: 0 }));
    });

    test('holds one stream a page, where tabs cannot share it', async () => {
      // Shared, the stream of an inbox that was left open would not show.
      await context.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
      const user = `${name}-holder`;
      const [first, second] = [await open(user), await open(user)];
      await host().notify(user);
      for (const page of [first, second]) await page.locator('main .badge', { hasText: '1' }).waitFor();
      expect(host().openStreams).toBe(2);
      await first.close();
      await eventually(() => expect(host().openStreams).toBe(1));
    });
  });
});

/** As those see it who develop it: React's StrictMode does nothing in production. */
async function build(name: string, outDir: string): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const options = ['--config', 'examples/vite.config.ts', '--base', `/${name}/`, '--outDir', outDir, '--emptyOutDir'];
  // A process of its own: its bundler, which is native, doesn't take the objects of a test's realm for its own.
  await promisify(execFile)(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', `examples/${name}`, ...options],
    {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'development' },
    },
  );
}
