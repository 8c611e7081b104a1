import { expect, test } from '@jest/globals';
import { useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';
import { setVisibility } from './support/page-faults.js';
import { openTabs, type Tab } from './support/tab.js';

const MANY = 500;

await describeInChromium('A burst', (browser) => {
  const host = useClientHost();

  test('that comes while all tabs are hidden is all there when they are shown, each with one toast', async () => {
    const tabs = await openTabs(3, await browser.newContext(), host(), 'ann');
    for (const tab of tabs) await setVisibility(tab.page, 'hidden');
    await Promise.all(Array.from({ length: MANY }, () => host().notify('ann')));
    const toasted: number[] = [];
    for (const tab of tabs) {
      await setVisibility(tab.page, 'visible');
      await expectAll(tab);
      toasted.push(...(await tab.run(() => crm.arrived.filter(({ toast }) => toast).map(({ id }) => id))));
    }
    expect(toasted.sort((a, b) => a - b)).toEqual(Array.from({ length: MANY }, (_, i) => i + 1));
  });

  async function expectAll(tab: Tab): Promise<void> {
    const ids = Array.from({ length: MANY }, (_, i) => i + 1);
    await tab.until((count) => crm.arrived.length >= count && crm.inbox.getState().unread === count, MANY);
    expect((await tab.run(() => crm.arrived)).map(({ id }) => id)).toEqual(ids);
    expect(await tab.shown()).toEqual(ids.toReversed());
  }
});
