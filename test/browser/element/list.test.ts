import { expect, test } from '@jest/globals';
import { describeInChromium } from '../support/describe-in-chromium.js';
import { BellPage } from './bell-page.js';

await describeInChromium('<notification-bell>’s list', (browser) => {
  const COUNTING = { body: '<nav><counting-bell></counting-bell></nav><button id="after">After</button>' };

  test('scrolling loads more until there are none', async () => {
    const crm = await BellPage.open(browser);
    await crm.run(() => {
      const all = bells.notifications(60);
      bells.inbox.older = [all.slice(20, 40), all.slice(40)];
      bells.inbox.setItems(all.slice(0, 20));
      bells.inbox.set({ hasMore: true });
    });
    await crm.button.click();
    await crm.rows.first().waitFor();
    expect(await crm.calls()).toEqual([]);
    await crm.scroller.evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
    await crm.rows.nth(39).waitFor();
    await crm.scroller.evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
    await crm.rows.nth(59).waitFor();
    expect(await crm.calls()).toEqual([['loadMore'], ['loadMore']]);
    expect(await crm.panel.getByRole('button', { name: 'Load more' }).count()).toBe(0);
  });

  test('pages that don’t fill the panel are followed by more at once', async () => {
    const crm = await BellPage.open(browser);
    await crm.run(() => {
      bells.inbox.older = [[bells.notification(2)], [bells.notification(1)]];
      bells.inbox.setItems([bells.notification(3)]);
      bells.inbox.set({ hasMore: true });
    });
    await crm.button.click();
    await crm.rows.nth(2).waitFor();
  });

  test('more that can’t be loaded are asked for again by a click only', async () => {
    const crm = await BellPage.open(browser);
    await crm.run(() => {
      bells.inbox.refuses = true;
      bells.inbox.older = [[bells.notification(1)]];
    });
    await crm.openWith(30, { hasMore: true });
    const scroll = (top: number) =>
      crm.scroller.evaluate(async (scroller, top) => {
        scroller.scrollTo(0, top);
        // Observers are told after a frame.
        for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);
      }, top);
    await scroll(9_999);
    await crm.panel.getByText('Notifications could not be loaded').waitFor();
    await scroll(0);
    await scroll(9_999);
    expect(await crm.calls()).toEqual([['loadMore']]);
    await crm.run(() => {
      bells.inbox.refuses = false;
    });
    await crm.panel.getByRole('button', { name: 'Try again' }).click();
    await crm.rows.nth(30).waitFor();
    expect(await crm.calls()).toEqual([['loadMore'], ['loadMore']]);
  });

  test('what is read stays where it is while others arrive above', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(40);
    await crm.scroller.evaluate((scroller) => scroller.scrollTo(0, 500));
    const row = crm.rows.filter({ hasText: 'Deal 31 ' });
    const before = await row.boundingBox();
    await crm.run(() =>
      bells.inbox.arrive(bells.notification(41), bells.notification(42, { body: 'Long. '.repeat(80) })),
    );
    const pill = crm.panel.getByRole('button', { name: '2 new' });
    await pill.waitFor();
    expectSamePlace(await row.boundingBox(), before);
    await crm.run(() => bells.inbox.remove(36));
    await crm.rows.filter({ hasText: 'Deal 36 ' }).waitFor({ state: 'detached' });
    expectSamePlace(await row.boundingBox(), before);

    await pill.click();
    await pill.waitFor({ state: 'detached' });
    expect(await crm.scroller.evaluate(({ scrollTop }) => scrollTop)).toBe(0);
    expect(await crm.focused()).toBe('42 open');
    await crm.run(() => bells.inbox.arrive(bells.notification(43)));
    await crm.rows.filter({ hasText: 'Deal 43 ' }).waitFor();
    expect(await pill.count()).toBe(0);
  });

  test('at the top nothing moves under the pointer', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(40);
    const row = crm.rows.filter({ hasText: 'Deal 39 ' });
    await row.hover();
    const before = await row.boundingBox();
    await crm.run(() => bells.inbox.arrive(bells.notification(41)));
    await crm.panel.getByRole('button', { name: '1 new' }).waitFor();
    expectSamePlace(await row.boundingBox(), before);
  });

  test('500 arrivals are one rendering a frame, none of the panel while it is closed, and said once', async () => {
    const crm = await BellPage.open(browser, { ...COUNTING, now: new Date('2026-05-12T10:00:00Z') });
    await crm.page.clock.runFor(100);
    await crm.run(async () => {
      bells.renderings = 0;
      for (let id = 1; id <= 500; id++) {
        bells.inbox.arrive(bells.notification(id));
        if (id % 10 === 0) await Promise.resolve();
      }
    });
    await crm.page.clock.runFor(50);
    expect(await crm.badge.textContent()).toBe('99+');
    expect(await crm.run(() => bells.renderings)).toBeLessThanOrEqual(2);
    expect(await crm.page.locator('#panel').evaluate((panel) => panel.childElementCount)).toBe(0);
    await crm.page.clock.runFor(6_000);
    expect(await crm.run(() => bells.said.filter(Boolean))).toEqual(['500 new notifications']);

    await crm.run(() => bells.inbox.arrive(bells.notification(501)));
    await crm.page.clock.runFor(2_000);
    await crm.run(() => bells.inbox.arrive(bells.notification(502)));
    await crm.page.clock.runFor(2_000);
    expect((await crm.run(() => bells.said.filter(Boolean))).slice(1)).toEqual([
      '1 new notification',
      '1 new notification',
    ]);
  });

  test('arrivals that don’t stop are said every five seconds', async () => {
    const crm = await BellPage.open(browser, { now: new Date('2026-05-12T10:00:00Z') });
    for (let id = 1; id <= 12; id++) {
      await crm.run((id) => bells.inbox.arrive(bells.notification(id)), id);
      await crm.page.clock.runFor(500);
    }
    await crm.page.clock.runFor(2_000);
    expect(await crm.run(() => bells.said.filter(Boolean))).toEqual(['10 new notifications', '2 new notifications']);
  });

  test('a change that the server refuses is undone, shown and said', async () => {
    const crm = await BellPage.open(browser);
    await crm.run(() => {
      bells.inbox.refuses = true;
    });
    await crm.openWith(3);
    await crm.rows.first().hover();
    await crm.rows.first().getByRole('button', { name: 'Remove' }).click();
    await crm.rows.nth(2).waitFor({ state: 'detached' });
    await crm.run(() => bells.inbox.refuse());
    await crm.panel.getByText('That could not be saved and was undone.').waitFor();
    await crm.rows.nth(2).waitFor();
    await crm.until(() => bells.said.includes('That could not be saved and was undone.'));
    await crm.run(() => {
      bells.inbox.refuses = false;
    });
    await crm.rows.first().getByRole('button', { name: 'Mark as read' }).click();
    await crm.panel.getByText('That could not be saved and was undone.').waitFor({ state: 'detached' });
  });

  test('marking, and marking back', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(2);
    await crm.rows.first().hover();
    await crm.rows.first().getByRole('button', { name: 'Mark as read' }).click();
    await crm.rows.first().getByRole('button', { name: 'Mark as unread' }).click();
    await crm.page.getByRole('button', { name: 'Notifications, 2 unread' }).waitFor();
    expect(await crm.calls()).toEqual([
      ['markRead', 2],
      ['markUnread', 2],
    ]);
  });

  test('a click follows the link, marks it as read and closes the panel', async () => {
    const crm = await BellPage.open(browser);
    await crm.showThese({ url: '/#deal-1' });
    await crm.button.click();
    await crm.panel.getByRole('link', { name: /Unread\s+Deal 1 is yours/ }).click();
    await crm.page.waitForURL('**/#deal-1');
    expect(await crm.run(() => [bells.bell.opened, bells.openings])).toEqual([false, [1]]);
    expect(await crm.calls()).toEqual([['markRead', 1]]);
    expect(await crm.focused()).toBe('bell');
  });

  test('a router takes the click instead', async () => {
    const crm = await BellPage.open(browser);
    await crm.run(() => {
      bells.takesOpenings = true;
    });
    await crm.showThese({}, { url: null });
    for (const row of [0, 1]) {
      await crm.button.click();
      await crm.rows.nth(row).locator('[data-control=open]').click();
      await crm.panel.getByRole('list').waitFor({ state: 'detached' });
    }
    expect(await crm.run(() => bells.openings)).toEqual([2, 1]);
    expect(await crm.calls()).toEqual([
      ['markRead', 2],
      ['markRead', 1],
    ]);
    expect(crm.page.url()).toBe('http://crm.test/');
  });

  test.each([
    ['a click with Control', { modifiers: ['ControlOrMeta' as const] }],
    ['the middle button', { button: 'middle' as const }],
  ])('%s opens another tab, as with any link', async (_name, click) => {
    const crm = await BellPage.open(browser);
    await crm.openWith(2);
    const opened = crm.page.context().waitForEvent('page');
    await crm.panel.getByRole('link').first().click(click);
    await opened;
    await crm.page.getByRole('button', { name: 'Notifications, 1 unread' }).waitFor();
    expect(await crm.run(() => [bells.bell.opened, bells.openings])).toEqual([true, []]);
  });

  test('one that leads nowhere can be read to its end', async () => {
    const crm = await BellPage.open(browser);
    await crm.showThese({ url: null, body: 'A line\n'.repeat(40) });
    await crm.button.click();
    const before = await crm.rows.first().boundingBox();
    await crm.panel.getByRole('button', { name: /Deal 1 is yours/ }).click();
    await crm.page.getByRole('button', { name: 'Notifications, none unread' }).waitFor();
    expect((await crm.rows.first().boundingBox())?.height).toBeGreaterThan((before?.height ?? 0) + 400);
    await crm.panel.getByRole('button', { name: /Deal 1 is yours/ }).click();
    expect(await crm.rows.first().boundingBox()).toEqual(before);
    expect(await crm.calls()).toEqual([['markRead', 1]]);
  });

  test('a press outside closes it, and several bells don’t mind each other', async () => {
    const bell = '<notification-bell></notification-bell>';
    const crm = await BellPage.open(browser, { body: `<nav>${bell}${bell}</nav><button id="after">After</button>` });
    await crm.run(() => {
      for (const bell of document.querySelectorAll('notification-bell')) bell.inbox = bells.inbox;
    });
    const opened = () => crm.run(() => [...document.querySelectorAll('notification-bell')].map(({ opened }) => opened));
    await crm.show(3);
    await crm.button.first().click();
    expect(await opened()).toEqual([true, false]);
    await crm.button.last().click();
    expect(await opened()).toEqual([false, true]);
    await crm.panel.getByRole('heading').click();
    expect(await opened()).toEqual([false, true]);
    await crm.page.mouse.click(20, 20);
    expect(await opened()).toEqual([false, false]);
  });

  test('the reconnecting hint waits for two seconds, and doesn’t flicker', async () => {
    const crm = await BellPage.open(browser, { now: new Date('2026-05-12T10:00:00Z') });
    await crm.openWith(1, {});
    const hint = crm.panel.getByText('Reconnecting…');
    const status = async (status: 'live' | 'reconnecting', ms: number) => {
      await crm.run((status) => bells.inbox.set({ status }), status);
      await crm.page.clock.runFor(ms);
    };
    await status('reconnecting', 1_900);
    expect(await hint.count()).toBe(0);
    await status('live', 500);
    await status('reconnecting', 1_900);
    expect(await hint.count()).toBe(0);
    await crm.page.clock.runFor(200);
    expect(await hint.count()).toBe(1);
    await status('live', 300);
    expect(await hint.count()).toBe(1);
    await crm.page.clock.runFor(1_000);
    expect(await hint.count()).toBe(0);
  });
});

/** Browsers scroll by whole pixels. */
function expectSamePlace(box: { y: number } | null, before: { y: number } | null): void {
  expect(Math.abs((box?.y ?? 0) - (before?.y ?? 1_000))).toBeLessThan(1);
}
