import { expect, test } from '@jest/globals';
import type { InboxError, InboxState } from '../../src/client/index.js';
import { BellPage, type BellPageOptions } from './element/bell-page.js';
import { describeInChromium } from './support/describe-in-chromium.js';

/** An error as a page gets it: of the class nothing crosses to the browser. */
function refused(status: number): InboxError {
  return { name: 'InboxError', code: 'refused', message: `The server answered ${status}`, status };
}

await describeInChromium('<notification-bell>', (browser) => {
  test.each([
    ['en', 0, 'Notifications, none unread', null],
    ['en', 1, 'Notifications, 1 unread', '1'],
    ['en', 99, 'Notifications, 99 unread', '99'],
    ['en', 1234, 'Notifications, 1234 unread', '99+'],
    ['zh-CN', 0, '通知，没有未读', null],
    ['zh-Hans', 3, '通知，3 条未读', '3'],
    ['zh', 120, '通知，120 条未读', '99+'],
    ['de', 3, 'Notifications, 3 unread', '3'],
  ])('in %s the bell with %d unread is named "%s", its badge says %s', async (lang, unread, name, badge) => {
    const crm = await BellPage.open(browser, { lang });
    await crm.show(0, { unread });
    await crm.page.getByRole('button', { name, exact: true }).waitFor();
    expect(await crm.badge.allTextContents()).toEqual(badge === null ? [] : [badge]);
  });

  const states: [string, number, Partial<InboxState>, string][] = [
    ['a list', 4, { hasMore: true }, 'Deal 4 is yours'],
    ['loading more', 3, { loading: true, hasMore: true }, 'Loading…'],
    ['reconnecting', 3, { status: 'reconnecting' }, 'Reconnecting…'],
    ['signed out with a list', 3, { status: 'signed-out' }, 'Sign in again'],
    ['more than 99 unread', 3, { unread: 140 }, 'Deal 3 is yours'],
    ['nothing', 0, {}, 'You’re all caught up'],
    ['loading', 0, { loading: true }, 'Loading…'],
    ['signed out', 0, { status: 'signed-out' }, 'You’re signed out'],
    ['a stream that is refused', 3, { status: 'reconnecting', error: refused(403) }, 'Reconnecting… (403)'],
    ['a list that is refused', 0, { error: refused(404) }, 'Notifications could not be loaded (404)'],
  ];
  // Nothing around it that hides what overflows: axe-core doesn't know the top layer, and takes the panel for hidden.
  const looks: [string, BellPageOptions][] = [
    ['light', { body: '<notification-bell theme="light"></notification-bell>' }],
    ['dark', { body: '<notification-bell theme="dark"></notification-bell>' }],
  ];
  test.each(looks)('axe-core finds nothing in any state, %s', async (_look, options) => {
    const crm = await BellPage.open(browser, options);
    await crm.openWith(1);
    for (const [state, count, change, text] of states) {
      await crm.show(count, { status: 'live', loading: false, hasMore: false, error: null, ...change });
      await crm.panel.getByText(text).first().waitFor();
      expect([state, ...(await crm.violations())]).toEqual([state]);
    }
    await crm.page.keyboard.press('Escape');
    expect(await crm.violations()).toEqual([]);
  });

  test.each(looks)(
    'axe-core finds nothing in Chinese, with an error, a refused change, new ones above, %s',
    async (_look, options) => {
      const crm = await BellPage.open(browser, { ...options, lang: 'zh-CN' });
      await crm.run(() => bells.inbox.set({ error: bells.unreachable() }));
      await crm.button.click();
      await crm.panel.getByText('通知加载失败').waitFor();
      expect(await crm.violations()).toEqual([]);

      await crm.show(30, { error: null, hasMore: true });
      await crm.rows.nth(20).scrollIntoViewIfNeeded();
      await crm.run(() => {
        bells.inbox.refuses = true;
        bells.inbox.arrive(bells.notification(31));
      });
      await crm.panel.getByRole('button', { name: '1 条新通知' }).waitFor();
      await crm.panel.getByRole('button', { name: '全部标为已读' }).click();
      await crm.run(() => bells.inbox.refuse());
      await crm.panel.getByText('操作未能保存，已撤销。').waitFor();
      expect(await crm.violations()).toEqual([]);
    },
  );

  test('text is text in every field, and a link that isn’t safe is none', async () => {
    const crm = await BellPage.open(browser);
    const hostile = '<img src=x onerror="document.title=\'broken into\'">';
    await crm.showThese(
      {
        title: hostile,
        body: hostile,
        url: 'javascript:document.title="broken into"',
        createdAt: hostile,
        type: hostile,
      },
      { url: ' javascript:alert(1)' },
      { url: 'java\nscript:alert(1)' },
      { url: '//evil.test/' },
      { url: '/\\evil.test/' },
      { url: 'data:text/html,<script>alert(1)</script>' },
      { url: hostile },
      { url: 'https://crm.example/deals/1' },
    );
    await crm.button.click();
    await crm.rows.first().waitFor();
    expect(await crm.page.locator('[part=title]').first().textContent()).toBe(hostile);
    expect(await crm.page.locator('[part=body]').first().textContent()).toBe(hostile);
    const links = await crm.panel
      .getByRole('link')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    expect(links).toEqual(['https://crm.example/deals/1']);
    await crm.rows.first().click();
    expect(await crm.page.locator('img').count()).toBe(0);
    expect(await crm.page.title()).toBe('CRM');
  });

  test.each([
    ['ltr', 320, 480],
    ['rtl', 320, 480],
    ['ltr', 1280, 720],
    ['rtl', 1280, 720],
    ['ltr', 640, 260],
  ] as const)(
    '%s at %d×%d the panel is within the viewport, and nothing scrolls sideways',
    async (dir, width, height) => {
      const edges = ['', ' class="start"'];
      for (const edge of edges) {
        const body = `<nav${edge}><notification-bell${edge && ' placement="bottom-start"'}></notification-bell></nav>`;
        const crm = await BellPage.open(browser, { dir, body, viewport: { width, height } });
        await crm.showThese({ title: 'x'.repeat(300), body: 'w'.repeat(5_000) }, {}, {}, {}, {}, {}, {});
        await crm.button.click();
        const box = (await crm.panel.boundingBox()) ?? { x: -1, y: -1, width: 0, height: 0 };
        expect(box.x).toBeGreaterThanOrEqual(8);
        expect(box.y).toBeGreaterThanOrEqual(8);
        expect(box.x + box.width).toBeLessThanOrEqual(width - 8);
        expect(box.y + box.height).toBeLessThanOrEqual(height - 8);
        expect(await crm.run(() => document.documentElement.scrollWidth)).toBe(width);
        const sideways = await crm.page
          .locator('#scroller, [part=title], [part=body]')
          .evaluateAll((boxes) => boxes.filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth).length);
        expect(sideways).toBe(0);
      }
    },
  );

  test('right to left the panel is mirrored, and each text has its own direction', async () => {
    const crm = await BellPage.open(browser, { dir: 'rtl' });
    await crm.showThese({ title: 'Ein Vertrag' }, { title: 'تم تعيين صفقة' });
    await crm.button.click();
    const panel = await crm.panel.boundingBox();
    const close = await crm.page.locator('[part=close]').boundingBox();
    expect(close?.x).toBeLessThan((panel?.x ?? 0) + 40);
    const directions = await crm.page
      .locator('[part=title]')
      .evaluateAll((titles) => titles.map((t) => getComputedStyle(t).direction));
    expect(directions).toEqual(['ltr', 'rtl']);
  });

  test('ages stay right while the panel is open', async () => {
    const now = new Date('2026-05-12T10:00:00');
    const crm = await BellPage.open(browser, { now, timezoneId: 'Europe/Berlin' });
    await crm.run(
      (ages) => {
        bells.inbox.setItems(
          ages.map((age, i) => bells.notification(9 - i, { createdAt: new Date(Date.now() - age).toISOString() })),
        );
      },
      [0, 59 * 60_000 + 30_000, 26 * 3_600_000],
    );
    await crm.page.clock.runFor(100);
    await crm.button.click();
    const times = crm.page.locator('[part=time]');
    expect(await times.allTextContents()).toEqual(['just now', '59 minutes ago', 'yesterday']);
    await crm.page.clock.runFor(30_000);
    expect(await times.allTextContents()).toEqual(['just now', '1 hour ago', 'yesterday']);
    await crm.page.clock.runFor(30_000);
    expect(await times.allTextContents()).toEqual(['1 minute ago', '1 hour ago', 'yesterday']);
    await crm.page.clock.fastForward('14:00:00');
    expect(await times.allTextContents()).toEqual(['14 hours ago', '15 hours ago', '2 days ago']);
    expect(await times.last().getAttribute('title')).toContain('Monday, May 11, 2026');
    expect(Date.parse((await times.last().getAttribute('datetime')) ?? '')).toBe(now.getTime() - 26 * 3_600_000);
  });

  test('words are the app’s where it has some, and follow the language of the page', async () => {
    const crm = await BellPage.open(browser, { lang: 'en' });
    await crm.show(2);
    await crm.run(() => {
      bells.bell.locale = 'de';
      bells.bell.messages = {
        heading: 'Mitteilungen',
        bell: (unread) => `Mitteilungen, ${unread} ungelesen`,
      };
    });
    await crm.page.getByRole('button', { name: 'Mitteilungen, 2 ungelesen' }).click();
    await crm.page.getByRole('dialog', { name: 'Mitteilungen' }).waitFor();
    await crm.panel.getByText('vor 1 Stunde').first().waitFor();
    await crm.run(() => {
      bells.bell.locale = null;
      bells.bell.messages = null;
    });
    await crm.page.getByRole('dialog', { name: 'Notifications' }).waitFor();
    await crm.run(() => {
      document.documentElement.lang = 'zh-CN';
    });
    await crm.page.getByRole('dialog', { name: '通知' }).waitFor();
    await crm.panel.getByText('1小时前').first().waitFor();
  });

  test('it follows the page’s colour scheme, or its own', async () => {
    const crm = await BellPage.open(browser, { colorScheme: 'dark' });
    await crm.openWith(1);
    const background = () => crm.panel.evaluate((panel) => getComputedStyle(panel).backgroundColor);
    expect(await background()).toBe('rgb(255, 255, 255)');
    await crm.run(() => {
      document.documentElement.style.colorScheme = 'light dark';
    });
    expect(await background()).toBe('rgb(27, 28, 32)');
    await crm.run(() => {
      bells.bell.theme = 'light';
    });
    expect(await background()).toBe('rgb(255, 255, 255)');
  });

  test('with other colours forced, unread ones are still marked', async () => {
    const crm = await BellPage.open(browser, { forcedColors: 'active' });
    await crm.openWith(2);
    const dot = crm.page.locator('[part=dot]').first();
    const colours = await dot.evaluate((dot) => [
      getComputedStyle(dot).backgroundColor,
      getComputedStyle(dot.closest('[part=panel]') as Element).backgroundColor,
    ]);
    expect(colours[0]).not.toBe(colours[1]);
    expect(await crm.violations()).toEqual([]);
  });

  test('targets are 24 px at least', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(3, { hasMore: true });
    const boxes = await crm.page
      .locator('button:visible, a:visible')
      .evaluateAll((controls) =>
        controls
          .filter(({ id }) => id !== 'before' && id !== 'after')
          .map((control) => control.getBoundingClientRect().toJSON()),
      );
    expect(boxes.length).toBeGreaterThan(10);
    for (const { width, height } of boxes) expect(Math.min(width, height)).toBeGreaterThanOrEqual(24);
  });
});
