import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Frame, Page } from 'playwright-core';
import { launchBrowser } from '../../test/browser/support/chromium.js';
import { DemoProcess } from '../../test/demo/demo-process.js';
import { createTestDatabase } from '../../test/support/database.js';
import { closeRun, openRun } from '../../test/support/test-run.js';

const DIRECTORY = fileURLToPath(new URL('.', import.meta.url));
/** A README with large pictures is slow to open. */
const MAX_BYTES = 200_000;
const DESKTOP = { width: 1280, height: 800 };

interface Shot {
  name: string;
  path: string;
  context?: BrowserContextOptions;
  prepare?(page: Page): Promise<void>;
}

/** In this order: each finds the CRM as those before have left it. */
const SHOTS: Shot[] = [
  {
    name: 'light',
    path: '/?user=alice',
    prepare: async (page) => {
      await openBell(page.mainFrame());
    },
  },
  { name: 'dark', path: '/?user=alice#deal-15', context: { colorScheme: 'dark' } },
  { name: 'zh', path: '/?user=meimei#deal-9' },
  { name: 'mobile', path: '/?user=alice', context: { viewport: { width: 390, height: 780 } } },
  {
    name: 'side-by-side',
    path: '/side-by-side?left=alice&right=bob',
    prepare: async (page) => {
      const [left, right] = await Promise.all([half(page, 'left'), half(page, 'right')]);
      await Promise.all([left, right].map(untilLive));
      await left.getByRole('button', { name: 'Move or assign Vineyard sensors' }).click();
      await left.getByRole('menuitemradio', { name: 'Bob Fischer' }).click();
      await right.locator('.toast').waitFor();
      await openBell(right);
    },
  },
];

/** Writes what README.md shows: the demo in a new database, so that every run gives the same pictures. */
async function main(): Promise<void> {
  await openRun();
  try {
    const database = await createTestDatabase();
    const demo = await DemoProcess.start({ DATABASE_URL: database.url });
    const browser = await launchBrowser();
    try {
      for (const shot of SHOTS) await take(browser, demo.url, shot);
    } finally {
      await browser.close();
      await demo.end();
      await database.drop();
    }
  } finally {
    await closeRun();
  }
}

async function take(browser: Browser, url: string, { name, path, context, prepare }: Shot): Promise<void> {
  const opened = await browser.newContext({ viewport: DESKTOP, reducedMotion: 'reduce', ...context });
  const page = await opened.newPage();
  await page.goto(url + path);
  if (path.includes('user=')) await untilLive(page.mainFrame());
  await prepare?.(page);
  await page.mouse.move(0, 0);
  const image = await page.screenshot({ animations: 'disabled' });
  await opened.close();
  if (image.length > MAX_BYTES)
    throw new Error(`${name}.png has ${image.length} bytes: at most ${MAX_BYTES} are allowed.`);
  await writeFile(join(DIRECTORY, `${name}.png`), image);
  console.log(`${name}.png: ${Math.round(image.length / 1_000)} kB`);
}

async function half(page: Page, side: 'left' | 'right'): Promise<Frame> {
  const frame = await (await page.locator(`[data-side=${side}] iframe`).elementHandle())?.contentFrame();
  if (!frame) throw new Error(`There is no frame on the ${side}.`);
  return frame;
}

async function untilLive(frame: Frame): Promise<void> {
  await frame.locator('.header .status-dot[data-status=live]').waitFor();
  await frame.locator('.card').first().waitFor();
}

async function openBell(frame: Frame): Promise<void> {
  await frame.locator('notification-bell [part=bell]').click();
  await frame.locator('notification-bell').getByRole('listitem').first().waitFor();
}

await main();
