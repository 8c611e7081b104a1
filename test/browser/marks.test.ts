import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';
import { openTabs, type Tab } from './support/tab.js';

await describeInChromium('Marks', (browser) => {
  const host = useClientHost();

  /** Tabs that show some notifications. */
  async function open(user: string, count: number): Promise<[Tab, Tab]> {
    await host().notify(user, count);
    return (await openTabs(2, await browser.newContext(), host(), user)) as [Tab, Tab];
  }

  /** The ids that are shown, the read ones negative. */
  async function expectShown(tabs: Tab[], ids: number[]): Promise<void> {
    for (const tab of tabs) {
      await tab.until(
        (ids) => `${crm.inbox.getState().items.map(({ id, read }) => (read ? -id : id))}` === `${ids}`,
        ids,
      );
      await tab.until((unread) => crm.inbox.getState().unread === unread, ids.filter((id) => id > 0).length);
    }
  }

  test('in one tab show in all', async () => {
    const [tab, other] = await open('ann', 4);
    await tab.run(() => crm.inbox.markRead(2));
    await expectShown([tab, other], [4, 3, -2, 1]);
    await other.run(() => crm.inbox.markRead('all'));
    await expectShown([tab, other], [-4, -3, -2, -1]);
    await tab.run(() => crm.inbox.markUnread([1, 3]));
    await expectShown([tab, other], [-4, 3, -2, 1]);
    await other.run(() => crm.inbox.remove([3, 4]));
    await expectShown([tab, other], [-2, 1]);
  });

  test('show before the server has answered', async () => {
    const [tab, other] = await open('bob', 2);
    let letThrough: (() => void) | undefined;
    host().intercept = (request, _response, next) => {
      if (request.path === '/notifications/read') letThrough = next;
      else next();
    };
    await tab.run(() => void crm.inbox.markRead('all'));
    await expectShown([tab], [-2, -1]);
    await expectShown([other], [2, 1]);
    await eventually(() => expect(letThrough).toBeDefined());
    letThrough?.();
    await expectShown([tab, other], [-2, -1]);
  });

  test('that the server refuses are undone, and said to be', async () => {
    browser.expectErrors(/500/);
    const [tab, other] = await open('cleo', 2);
    host().intercept = (request, response, next) => {
      if (request.path === '/notifications/read') response.status(500).json({ statusCode: 500, message: 'no' });
      else next();
    };
    await expect(tab.run(() => crm.inbox.markRead(1))).rejects.toThrow(/500/);
    await expectShown([tab, other], [2, 1]);
    expect(await tab.run(() => crm.errors)).toEqual(['refused']);
    expect(await tab.run(() => crm.badges)).toEqual([0, 2, 1, 2]);
    expect(await other.run(() => crm.errors)).toEqual([]);
  });
});
