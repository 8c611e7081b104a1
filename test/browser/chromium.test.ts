import { expect, test } from '@jest/globals';
import { describeInChromium } from './support/describe-in-chromium.js';

await describeInChromium('The browser of the tests', (browser) => {
  test('runs scripts and has a font', async () => {
    const page = await (await browser.newContext()).newPage();
    await page.setContent('<span>Notifications</span>');
    const { width } = await page.locator('span').evaluate((span) => span.getBoundingClientRect());
    expect(width).toBeGreaterThan(40);
  });
});
