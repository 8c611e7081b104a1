import { type Browser, chromium, type LaunchOptions } from 'playwright-core';
import { isChromiumBundled, unpackBundledChromium } from './bundled-chromium.js';
import { findInstalledChromium, OLDEST_VERSION } from './installed-chromium.js';

/** Starts a browser: undefined if this machine has none. */
type Launch = (options?: LaunchOptions) => Promise<Browser>;

/** An installed Chrome or Chromium, else that of npm; with CHROMIUM=bundled that of npm even so. */
export async function findChromium(): Promise<Launch | undefined> {
  const installed = process.env.CHROMIUM === 'bundled' ? undefined : await findInstalledChromium();
  if (installed) return (options) => launchInstalled({ ...options, executablePath: installed });
  if (!isChromiumBundled()) return undefined;
  return async (options) => await chromium.launch({ ...options, ...(await unpackBundledChromium()) });
}

/** What to say where `findChromium()` finds none. */
export const NO_CHROMIUM =
  `no Chrome or Chromium of version ${OLDEST_VERSION} or newer at CHROME_PATH, on the PATH or where it usually is, ` +
  `and npm has none for ${process.platform}-${process.arch}`;

/** Starts a headless browser, which the caller closes. */
export async function launchBrowser(options?: LaunchOptions): Promise<Browser> {
  const launch = await findChromium();
  if (!launch) throw new Error(`There is ${NO_CHROMIUM}`);
  return await launch(options);
}

/** With its sandbox where it has one: not as root, and in few containers. */
async function launchInstalled(options: LaunchOptions): Promise<Browser> {
  if (process.getuid?.() !== 0) {
    try {
      return await chromium.launch({ ...options, chromiumSandbox: true });
    } catch {
      // Without, if that was the reason; else this tells the reason.
    }
  }
  return await chromium.launch({ ...options, chromiumSandbox: false });
}
