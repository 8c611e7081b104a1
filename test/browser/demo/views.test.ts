import { expect, jest, test } from '@jest/globals';
import type { BrowserContext, BrowserContextOptions } from 'playwright-core';
import { startDemos } from '../../demo/start-demos.js';
import { describeInChromium } from '../support/describe-in-chromium.js';
import { CrmPage } from './crm-page.js';

// The demo takes a second to start; and the machine may be busy.
jest.setTimeout(120_000);

const LOOKS: [name: string, options: BrowserContextOptions][] = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['on a phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ['at 320 pixels', { viewport: { width: 320, height: 640 } }],
];

await describeInChromium('the views of the demo', (browser) => {
  const demos = startDemos();

  /** Without motion: what is half faded in has no contrast. */
  async function newContext(options?: BrowserContextOptions): Promise<BrowserContext> {
    return await browser.newContext({ reducedMotion: 'reduce', ...options });
  }

  async function open(path: string, options?: BrowserContextOptions): Promise<CrmPage> {
    return await CrmPage.open(await newContext(options), demos.first.url + path);
  }

  async function openAs(user: string, hash = '', options?: BrowserContextOptions): Promise<CrmPage> {
    return await CrmPage.openAs(await newContext(options), demos.first.url, user, hash);
  }

  test.each(LOOKS)('axe-core finds nothing, %s', async (_, options) => {
    const login = await open('/', options);
    await login.button(/^Alice Martin/).waitFor();
    expect(await login.violations()).toEqual([]);

    const crm = await openAs('alice', '', options);
    const expectNothing = async (state: string) => expect([state, await crm.violations()]).toEqual([state, []]);
    await crm.card('Warehouse scanners').waitFor();
    await expectNothing('the board');
    await crm.button('Move or assign Help desk migration').click();
    await crm.locator('[role=menu]:popover-open [role^=menuitem]').first().waitFor();
    await expectNothing('a menu');
    await crm.press('Escape');
    await crm.bell.click();
    await crm.bellPanel.getByRole('listitem').first().waitFor();
    await expectNothing('the panel of the bell');
    await crm.press('Escape');
    await crm.button(/^On the wire/).click();
    await crm.locator('.frames pre').first().waitFor();
    await expectNothing('the wire');
    await crm.button('Close the drawer').click();
    await crm.button('Announce').click();
    await crm.locator('dialog[open]').waitFor();
    await expectNothing('the announcement');
    await crm.locator('dialog [name=title]').fill('Hello');
    await crm.press('Enter');
    await crm.toasts.waitFor();
    await expectNothing('a toast');
    await crm.link('Contacts').click();
    await crm.heading('Contacts').waitFor();
    await expectNothing('the contacts');
    await crm.link(/^Approvals/).click();
    await crm.locator('.approval').first().waitFor();
    await expectNothing('the approvals');
    await crm.link('Help desk migration').click();
    await crm.locator('.panel .approval').waitFor();
    await crm.button('Another time').click();
    await expectNothing('a deal');
  });

  test('axe-core finds nothing in Chinese', async () => {
    const crm = await openAs('meimei', '#deal-9');
    await crm.locator('.panel .approval').waitFor();
    expect(await crm.violations()).toEqual([]);
    await crm.bell.click();
    await crm.bellPanel.getByRole('listitem').first().waitFor();
    expect(await crm.violations()).toEqual([]);
  });

  test('two users side by side: what the left one assigns arrives on the right', async () => {
    const window = await open('/side-by-side?left=alice&right=bob');
    const [alice, bob] = await Promise.all([window.half('left'), window.half('right')]);
    await Promise.all([alice.untilLive(), bob.untilLive()]);
    for (const one of [window, alice, bob]) expect(await one.violations()).toEqual([]);
    const unread = await bob.unread();
    await alice.choose('Warehouse scanners', 'Bob Fischer');
    await bob.untilUnread(unread + 1);
    await bob.toasts.getByText('Warehouse scanners is yours now').waitFor();
    expect(await alice.toasts.count()).toBe(0);

    await window.locator('[data-side=right] select').selectOption('lilei');
    const lilei = await window.half('right');
    await lilei.heading('商机').waitFor();
  });

  test('/?user=alice#deal-7 opens the page as Alice, at that deal; a window remembers who it is', async () => {
    const crm = await openAs('alice', '#deal-7');
    await crm.heading('Solar roof monitoring').waitFor();
    expect(await crm.page.title()).toBe('Alice Martin · Kontor');
    await crm.page.goto(demos.first.url);
    await crm.button('Account of Alice Martin').waitFor();

    await crm.button('Account of Alice Martin').click();
    await crm.locator('[role=menuitem]').getByText('Change user').click();
    await crm.heading('Who are you today?').waitFor();
    expect(crm.page.url()).toBe(`${demos.first.url}/`);
  });

  test('the language is what the browser speaks, until one chooses: then all windows have it, and what the server writes', async () => {
    const login = await open('/', { locale: 'zh-CN' });
    await login.heading('今天你是谁？').waitFor();
    await login.locator('#user').fill('小明');
    await login.press('Enter');
    await login.heading('商机').waitFor();

    const context = await newContext();
    const [dave, window] = await Promise.all([
      CrmPage.openAs(context, demos.first.url, 'dave'),
      CrmPage.openAs(context, demos.first.url, 'dave'),
    ]);
    await dave.heading('Deals').waitFor();
    await dave.button('中文').click();
    await Promise.all([dave, window].map((one) => one.heading('商机').waitFor()));
    expect(await dave.page.locator('html').getAttribute('lang')).toBe('zh-CN');
    expect(await dave.bell.getAttribute('aria-label')).toMatch(/^通知/);
    await dave.card('门店会员系统').getByText('¥468,000').waitFor();

    const alice = await openAs('alice');
    const unread = await dave.unread();
    await alice.choose('门店会员系统', 'Dave Okafor');
    await dave.untilUnread(unread + 1);
    await dave.bell.click();
    await dave.bellPanel.getByText('“门店会员系统”现在由你负责').waitFor();
    await dave.page.reload();
    await dave.heading('商机').waitFor();
  });

  test.each([
    ['on a desk', {}],
    ['on a phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ])('a toast does not cover what is on the wire, %s', async (_, options: BrowserContextOptions) => {
    const crm = await openAs('alice', '', options);
    await crm.button(/^On the wire/).click();
    const wire = crm.locator('.wire');
    await wire.waitFor();
    const other = await demos.logIn('bob');
    for (const title of ['One', 'Two', 'Three']) await other.post('/announcements', { title });
    await crm.toasts.nth(2).waitFor();
    const drawer = await wire.boundingBox();
    for (const toast of await crm.toasts.all()) {
      const { y = 0, height = 0 } = (await toast.boundingBox()) ?? {};
      expect(y + height).toBeLessThanOrEqual(drawer?.y ?? 0);
    }
  });

  test('with forced colours the count, the tab and the choice are still to be seen', async () => {
    const crm = await openAs('alice', '', { forcedColors: 'active' });
    const seen = ['.count', '.segments [aria-pressed=true]'];
    for (const selector of seen) {
      const { color, background, canvas } = await crm
        .locator(selector)
        .first()
        .evaluate((element) => {
          const { color, backgroundColor: background } = getComputedStyle(element);
          return { color, background, canvas: getComputedStyle(document.body).backgroundColor };
        });
      expect(background).not.toBe(canvas);
      expect(background).not.toBe(color);
    }
    // One that differs by its text alone has the text in it.
    const badge = crm.locator('notification-bell [part=badge]');
    const shown = await badge.screenshot();
    await badge.evaluate((element) => {
      element.style.color = 'Highlight';
    });
    expect(shown.equals(await badge.screenshot())).toBe(false);
  });

  test('the theme that is chosen stays, and is that of all windows', async () => {
    const context = await newContext();
    const [crm, window] = await Promise.all([
      CrmPage.openAs(context, demos.first.url, 'alice'),
      CrmPage.openAs(context, demos.first.url, 'bob'),
    ]);
    await crm.button('Dark mode').click();
    for (const one of [crm, window]) await one.locator('html[data-theme=dark]').waitFor();
    await crm.page.reload();
    await crm.button('Light mode').waitFor();
  });

  test('a name with a space comes in by the form, and is the one that others see', async () => {
    const crm = await open('/');
    await crm.locator('#user').fill(' Ann Lee ');
    await crm.press('Enter');
    await crm.untilLive();
    expect(new URL(crm.page.url()).searchParams.get('user')).toBe('Ann Lee');
    expect(await crm.page.title()).toBe('Ann Lee · Kontor');

    const bob = await openAs('bob');
    await bob.button('Move or assign Vineyard sensors').click();
    await bob.locator(':popover-open').getByText('Ann Lee').click();
    await crm.toasts.getByText('Vineyard sensors').waitFor();
  });

  test('by keyboard alone: log in, move a deal, set a reminder, read a notification', async () => {
    const crm = await open('/');
    await crm.tabTo(crm.button(/^Carol Lindqvist/));
    await crm.press('Enter');
    await crm.untilLive();

    await crm.press('Tab');
    await crm.untilFocused(crm.link('Skip to content'));
    await crm.press('Enter');
    await crm.untilFocused(crm.locator('main'));

    const menu = crm.button('Move or assign Vineyard sensors');
    await crm.tabTo(menu);
    await crm.press('Enter');
    await crm.untilFocused(crm.locator(':popover-open [aria-checked=true]').first());
    await crm.press('ArrowDown', 'Enter');
    await crm.column('proposal').getByText('Vineyard sensors').waitFor();
    await crm.untilFocused(menu);

    await crm.press('Shift+Tab');
    await crm.untilFocused(crm.link('Vineyard sensors'));
    await crm.press('Enter');
    await crm.untilFocused(crm.heading('Vineyard sensors'));
    await crm.tabTo(crm.button('In an hour'));
    await crm.press('Enter');
    await crm.locator('.reminders li').waitFor();
    await crm.press('Escape');
    await crm.untilFocused(crm.link('Vineyard sensors'));

    const unread = await crm.unread();
    await (await demos.logIn('alice')).post('/deals/2/assign', { owner: 'carol' });
    await crm.untilUnread(unread + 1);
    await crm.bell.focus();
    await crm.press('Enter');
    await crm.untilFocused(crm.bellPanel.getByRole('link').first());
    await crm.press('Enter');
    await crm.untilFocused(crm.heading('Warehouse scanners'));
    await crm.untilUnread(unread);
  });
});
