import { afterAll, afterEach, beforeAll, describe } from '@jest/globals';
import type { Browser, BrowserContext, BrowserContextOptions, ConsoleMessage, LaunchOptions } from 'playwright-core';
import { skipWithout } from '../../support/skip-for.js';
import { findChromium, NO_CHROMIUM } from './chromium.js';

/** The browser of a block of tests. */
export interface TestBrowser {
  /** A profile of its own, with cookies, storage and tabs that no other has. Closed when the test ends. */
  newContext(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** Lets this test go through errors in the consoles that match; any other fails it. */
  expectErrors(...patterns: RegExp[]): void;
}

/**
 * `describe` with a browser for all of its tests. What their pages report as errors, or throw without catching, fails
 * them. Where there is no browser they are skipped, and say so.
 */
export async function describeInChromium(
  name: string,
  define: (browser: TestBrowser) => void,
  options?: LaunchOptions,
): Promise<void> {
  const launch = await findChromium();
  if (!launch) return skipWithout(NO_CHROMIUM, name);
  describe(name, () => {
    let browser: Browser;
    let expected: RegExp[] = [];
    let problems: string[] = [];

    beforeAll(async () => {
      browser = await launch(options);
    });

    afterEach(async () => {
      await Promise.all(browser.contexts().map((context) => context.close()));
      const unexpected = problems.filter((problem) => !expected.some((pattern) => pattern.test(problem)));
      problems = [];
      expected = [];
      if (unexpected.length > 0) throw new Error(`Pages of this test had errors:\n${unexpected.join('\n')}`);
    });

    afterAll(() => browser?.close());

    define({
      newContext: async (contextOptions) => {
        const context = await browser.newContext(contextOptions);
        context.on('weberror', (webError) => problems.push(String(webError.error().stack)));
        context.on('console', (message) => isError(message) && problems.push(describeMessage(message)));
        return context;
      },
      expectErrors: (...patterns) => void expected.push(...patterns),
    });
  });
}

function isError(message: ConsoleMessage): boolean {
  return message.type() === 'error' || message.type() === 'assert';
}

function describeMessage(message: ConsoleMessage): string {
  return `${message.text()} (${message.location().url})`;
}
