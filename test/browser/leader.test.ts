import { setTimeout } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { ASK_MS, MAX_UNANSWERED } from '../../src/client/browser-tabs.js';
import { useCleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';
import { crash, freeze, setVisibility } from './support/page-faults.js';
import { leaderOf, openTabs, type Tab } from './support/tab.js';

await describeInChromium(
  'The tab that has the stream',
  (browser) => {
    const host = useClientHost();
    const onCleanup = useCleanup();
    const connections = (user: string) => host().notifications.connections(user);
    const goElsewhere = (page: Page) => page.goto(`${host().url}/elsewhere`);

    async function goBack(tab: Tab): Promise<void> {
      // `page.goBack()` waits for the page to load, which it doesn't. In a task of its own: the page may leave before it answers.
      await tab.run(() => void globalThis.setTimeout(() => history.back()));
      await tab.until(() => 'crm' in globalThis);
    }

    /** Opens tabs, and tells which of them has the stream. */
    async function open(count: number, user: string): Promise<{ tabs: Tab[]; leader: Tab; others: Tab[] }> {
      const tabs = await openTabs(count, await browser.newContext(), host(), user);
      const leader = await leaderOf(tabs);
      return { tabs, leader, others: tabs.filter((tab) => tab !== leader) };
    }

    /** Notifies again and again, until it is stopped; tells how often it did. */
    function keepNotifying(user: string): { stop(): Promise<number> } {
      const stopping = new AbortController();
      const counting = (async () => {
        let count = 0;
        for (; !stopping.signal.aborted; count++) {
          await host().notify(user);
          await setTimeout(10);
        }
        return count;
      })();
      const stop = async () => {
        stopping.abort();
        return await counting;
      };
      onCleanup(stop);
      return { stop };
    }

    async function expectEachOnce(tabs: Tab[], count: number): Promise<void> {
      const ids = Array.from({ length: count }, (_, i) => i + 1);
      for (const tab of tabs) {
        await tab.until((count) => crm.arrived.length >= count, count);
        expect((await tab.run(() => crm.arrived)).map(({ id }) => id)).toEqual(ids);
      }
    }

    async function expectNoToastTwice(tabs: Tab[]): Promise<void> {
      const toasts = await Promise.all(tabs.map((tab) => tab.run(() => crm.arrived.filter(({ toast }) => toast))));
      const ids = toasts.flat().map(({ id }) => id);
      expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([]);
    }

    test.each([
      ['closed', 'ann', (page: Page) => page.close()],
      ['crashed', 'bob', crash],
      ['sent elsewhere', 'cleo', goElsewhere],
      ['told that it freezes', 'dan', (page: Page) => page.evaluate(() => document.dispatchEvent(new Event('freeze')))],
    ])('is replaced within a second when it is %s, without loss', async (_how, user, end) => {
      let { tabs } = await open(4, user);
      const notifying = keepNotifying(user);
      for (const tab of tabs) await tab.until(() => crm.arrived.length > 0);

      const gapsMs: number[] = [];
      for (let i = 1; i <= 2; i++) {
        const leader = await leaderOf(tabs);
        tabs = tabs.filter((tab) => tab !== leader);
        await end(leader.page);
        const next = await eventually(() => leaderOf(tabs));
        await next.untilLive();
        const [lost, found] = host().streams.slice(-2);
        gapsMs.push(Number(found?.from) - Number(lost?.to));
      }
      expect(Math.max(...gapsMs)).toBeLessThan(1_000);

      await expectEachOnce(tabs, await notifying.stop());
      await expectNoToastTwice(tabs);
      expect(connections(user)).toBe(1);
    });

    test('is replaced when it freezes without a word, and follows when it thaws', async () => {
      const { tabs, leader, others } = await open(4, 'eve');
      await setVisibility(leader.page, 'hidden');
      await host().notify('eve', 3);
      await expectEachOnce(others, 3);

      const since = performance.now();
      const { thaw } = await freeze(leader.page);
      await host().notify('eve', 3);
      const next = await eventually(() => leaderOf(others), { timeoutMs: 15_000 });
      await next.untilLive();
      expect(performance.now() - since).toBeLessThan((MAX_UNANSWERED + 2) * ASK_MS);
      await host().notify('eve', 3);
      await expectEachOnce(others, 9);

      await thaw();
      await eventually(() => expect(connections('eve')).toBe(1));
      await host().notify('eve', 3);
      await expectEachOnce(tabs, 12);
      await expectNoToastTwice(tabs);
      expect(await leaderOf(tabs)).toBe(next);
      expect(await leader.shown()).toEqual(await next.shown());
    });

    test.each([
      ['the leader', 'hal'],
      ['a follower', 'ivy'],
    ])('%s that froze and said so is told all that it missed, in order', async (who, user) => {
      const { tabs, leader, others } = await open(2, user);
      const { page } = who === 'the leader' ? leader : (others[0] as Tab);
      await host().notify(user);
      await expectEachOnce(tabs, 1);

      await page.evaluate(() => document.dispatchEvent(new Event('freeze')));
      // More than a page of the list.
      await host().notify(user, 30);
      const notifying = keepNotifying(user);
      await page.evaluate(() => document.dispatchEvent(new Event('resume')));
      await eventually(() => leaderOf(tabs));
      for (const tab of tabs) await tab.until(() => crm.arrived.length > 40);
      await expectEachOnce(tabs, 31 + (await notifying.stop()));
    });

    // Restored out of the back/forward cache, or loaded anew: that is up to the browser.
    test('has missed nothing when it is left and come back to, and neither has one that follows', async () => {
      const { tabs } = await open(2, 'flo');
      let count = 0;
      for (const tab of tabs) {
        await goElsewhere(tab.page);
        await host().notify('flo', 3);
        await goBack(tab);
        await host().notify('flo');
        count += 4;
        for (const each of tabs) await each.until((count) => crm.inbox.getState().unread === count, count);
        const all = Array.from({ length: count }, (_, i) => count - i);
        expect(await Promise.all(tabs.map((each) => each.shown()))).toEqual([all, all]);
        expect(connections('flo')).toBe(1);
      }
    });

    test('has missed nothing alone either', async () => {
      const { leader } = await open(1, 'gus');
      await host().notify('gus', 3);
      await goElsewhere(leader.page);
      await eventually(() => expect(connections('gus')).toBe(0));
      await host().notify('gus', 3);
      await goBack(leader);
      await leader.until(() => crm.inbox.getState().unread === 6);
      expect(await leader.shown()).toEqual([6, 5, 4, 3, 2, 1]);
      await eventually(() => expect(connections('gus')).toBe(1));
    });
  },
  // Playwright switches off what browsers do.
  { ignoreDefaultArgs: ['--disable-back-forward-cache'] },
);
