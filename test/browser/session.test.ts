import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';
import { openTabs } from './support/tab.js';

// Long enough for a busy machine to open the tabs, which takes a second or so.
const SHORT_MS = 4_000;
const LONG_MS = 3_600_000;

await describeInChromium('A session that ends', (browser) => {
  const host = useClientHost({ retryMs: 0 });

  test('with an access token that has expired, goes on with a fresh one', async () => {
    host().sessionMs = SHORT_MS;
    const tabs = await openTabs(3, await browser.newContext(), host(), 'ann');
    host().sessionMs = LONG_MS;
    await host().notify('ann');
    for (const tab of tabs) await tab.until(() => crm.events.includes('close'));
    await host().notify('ann');
    for (const tab of tabs) {
      await tab.until(() => crm.arrived.length === 2);
      await tab.untilLive();
      expect(await tab.run(() => crm.statuses)).toEqual(['connecting', 'live', 'reconnecting', 'live']);
      expect(await tab.run(() => crm.arrived.map(({ id }) => id))).toEqual([1, 2]);
    }
  });

  test('without a fresh one, says so in every tab, and starts again when asked to', async () => {
    browser.expectErrors(/401/);
    host().sessionMs = SHORT_MS;
    const tabs = await openTabs(3, await browser.newContext(), host(), 'bob');
    await host().notify('bob');
    host().signedOut.add('bob');
    for (const tab of tabs) await tab.until(() => crm.inbox.getState().status === 'signed-out');
    expect(host().notifications.connections('bob')).toBe(0);

    // What is shown stays, until the page decides otherwise; nothing can be changed.
    expect(await tabs[0]?.shown()).toEqual([1]);
    await expect(tabs[0]?.run(() => crm.inbox.markRead(1))).rejects.toThrow(/closed/);

    await host().notify('bob', 2);
    host().signedOut.clear();
    host().sessionMs = LONG_MS;
    for (const tab of tabs) await tab.run(() => crm.inbox.open());
    for (const tab of tabs) {
      await tab.untilLive();
      expect(await tab.shown()).toEqual([3, 2, 1]);
      expect(await tab.state()).toMatchObject({ unread: 3, error: null });
    }
    await eventually(() => expect(host().notifications.connections('bob')).toBe(1));
  });
});
