import { expect, test } from '@jest/globals';
import { describeInChromium } from '../support/describe-in-chromium.js';
import { BellPage } from './bell-page.js';

await describeInChromium('<notification-bell> by keyboard', (browser) => {
  test('the whole story: open, go through, mark, remove, follow, close', async () => {
    const crm = await BellPage.open(browser);
    await crm.show(4);
    await crm.press('Tab');
    expect(await crm.focused()).toBe('before');
    await crm.press('Tab');
    expect(await crm.focused()).toBe('bell');

    await crm.press('Enter');
    expect(await crm.focused()).toBe('4 open');
    await crm.press('ArrowDown', 'ArrowDown');
    expect(await crm.focused()).toBe('2 open');
    await crm.press('End');
    expect(await crm.focused()).toBe('1 open');
    await crm.press('ArrowDown');
    expect(await crm.focused()).toBe('1 open');
    await crm.press('Home', 'ArrowUp');
    expect(await crm.focused()).toBe('4 open');

    await crm.press('Tab');
    expect(await crm.focused()).toBe('4 toggle');
    await crm.press('Space');
    await crm.page.getByRole('button', { name: 'Notifications, 3 unread' }).waitFor();
    expect(await crm.focused()).toBe('4 toggle');
    await crm.press('ArrowDown');
    expect(await crm.focused()).toBe('3 toggle');
    await crm.press('Tab');
    expect(await crm.focused()).toBe('3 remove');
    await crm.press('Enter');
    await crm.until(() => bells.inbox.getState().items.length === 3);
    await crm.rows.nth(3).waitFor({ state: 'detached' });
    expect(await crm.focused()).toBe('2 remove');

    await crm.press('Shift+Tab', 'Shift+Tab');
    expect(await crm.focused()).toBe('2 open');
    await crm.press('Enter');
    await crm.page.waitForURL('**/deals/2');
    expect(await crm.run(() => bells.inbox.getState().items.length)).toBe(0);
  });

  test('Escape closes, and gives the focus back to the bell', async () => {
    const crm = await BellPage.open(browser);
    await crm.show(2);
    await crm.button.focus();
    await crm.press('Space');
    await crm.panel.waitFor();
    expect(await crm.button.getAttribute('aria-expanded')).toBe('true');
    await crm.press('Tab', 'Escape');
    expect(await crm.focused()).toBe('bell');
    expect(await crm.button.getAttribute('aria-expanded')).toBe('false');
    expect(await crm.panel.count()).toBe(0);
    expect(await crm.page.locator('#panel').evaluate((panel) => panel.childElementCount)).toBe(0);
  });

  test('one Escape closes the panel, not the dialog around it', async () => {
    const crm = await BellPage.open(browser, { body: '<dialog><notification-bell></notification-bell></dialog>' });
    await crm.run(() => document.querySelector('dialog')?.showModal());
    await crm.openWith(2);
    await crm.press('Escape');
    await crm.panel.getByRole('list').waitFor({ state: 'detached' });
    expect(await crm.run(() => document.querySelector('dialog')?.open)).toBe(true);
  });

  test('Delete goes on to the next row, after the last one to the one before, then to the panel', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(3);
    const deleteRow = async () => {
      const left = (await crm.rows.count()) - 1;
      await crm.press('Delete');
      await crm.until((left) => bells.bell.shadowRoot?.querySelectorAll('li').length === left, left);
    };
    await crm.press('ArrowDown');
    await deleteRow();
    expect(await crm.focused()).toBe('1 open');
    await deleteRow();
    expect(await crm.focused()).toBe('3 open');
    await deleteRow();
    expect(await crm.focused()).toBe('panel');
    await crm.panel.getByText('You’re all caught up').waitFor();
    await crm.press('Escape');
    expect(await crm.focused()).toBe('bell');
  });

  test('the focus stays when others remove rows, and when what has it disappears', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(5);
    await crm.press('ArrowDown', 'ArrowDown', 'Tab');
    expect(await crm.focused()).toBe('3 toggle');
    await crm.run(() => bells.inbox.setItems(bells.inbox.getState().items.filter(({ id }) => id !== 3 && id !== 2)));
    await crm.until(() => bells.bell.shadowRoot?.querySelectorAll('li').length === 3);
    expect(await crm.focused()).toBe('1 toggle');

    await crm.show(0, { error: await crm.run(() => null) });
    await crm.run(() => bells.inbox.set({ error: bells.unreachable() }));
    await crm.panel.getByRole('button', { name: 'Try again' }).focus();
    await crm.press('Enter');
    expect(await crm.calls()).toContainEqual(['open']);
    await crm.show(2, { error: null });
    await crm.rows.first().waitFor();
    expect(await crm.focused()).toBe('2 open');
  });

  test('the row that has the focus keeps it while others arrive', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(3);
    await crm.press('ArrowDown');
    await crm.run(() => bells.inbox.arrive(bells.notification(4), bells.notification(5)));
    await crm.rows.nth(4).waitFor();
    expect(await crm.focused()).toBe('2 open');
    await crm.press('ArrowUp');
    expect(await crm.focused()).toBe('3 open');
  });

  test('the list is one stop for Tab, and leaving the panel closes it', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(30);
    await crm.press('Tab', 'Tab');
    expect(await crm.focused()).toBe('30 remove');
    await crm.press('Tab');
    expect(await crm.focused()).toBe('after');
    expect(await crm.run(() => bells.bell.opened)).toBe(false);
    expect(await crm.focused()).toBe('after');
  });

  test('all are marked as read without losing the focus', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(3);
    await crm.press('Shift+Tab', 'Shift+Tab');
    await crm.press('Enter');
    await crm.page.getByRole('button', { name: 'Notifications, none unread' }).waitFor();
    expect(await crm.focused()).toBe('Mark all as read');
    await crm.press('Enter');
    expect(await crm.calls()).toEqual([['markRead', 'all']]);
  });

  test('“Load more” leads to the first of those loaded', async () => {
    const crm = await BellPage.open(browser);
    // A list that is loaded page by page by scrolling alone would never leave this button to be pressed.
    await crm.run(() => {
      bells.inbox.older = [[bells.notification(2), bells.notification(1)]];
      bells.inbox.setItems([bells.notification(4), bells.notification(3)]);
      bells.inbox.set({ hasMore: true, error: bells.unreachable() });
    });
    await crm.button.click();
    await crm.panel.getByRole('button', { name: 'Try again' }).focus();
    await crm.press('Enter');
    await crm.rows.nth(3).waitFor();
    await crm.until(() => bells.bell.shadowRoot?.activeElement?.closest('[data-id="2"]'));
    expect(await crm.focused()).toBe('2 open');
    expect(await crm.panel.getByRole('button', { name: 'Load more' }).count()).toBe(0);
  });
});
