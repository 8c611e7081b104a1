import { expect, test } from '@jest/globals';
import type { BrowserContext } from 'playwright-core';
import { accessToken } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { type ClientHost, useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';
import { setVisibility } from './support/page-faults.js';
import { leaderOf, openTabs, Tab } from './support/tab.js';

// A host without https: there browsers have no Web Locks.
const INSECURE = 'crm.test';

await describeInChromium(
  'Many tabs',
  (browser) => {
    const host = useClientHost({ acceptAccessTokenInQuery: true });
    const connections = (user: string) => host().notifications.connections(user);

    test('12 tabs of one user have one event stream, and fetch works in each', async () => {
      const tabs = await openTabs(12, await browser.newContext(), host(), 'ann');
      expect(connections('ann')).toBe(1);
      expect(host().openStreams).toBe(1);

      await host().notify('ann', 3);
      for (const tab of tabs) {
        await tab.until(() => crm.arrived.length === 3);
        expect(await tab.shown()).toEqual([3, 2, 1]);
        expect(await tab.run(async () => (await fetch('/session/ann')).status)).toBe(200);
      }
      expect(host().openStreams).toBe(1);
    });

    test('a plain EventSource in each of them takes all 6 connections, and fetch hangs in all', async () => {
      const context = await browser.newContext();
      const tabs = await loadTabs(12, context, host());
      const url = `/notifications/stream?token=${await accessToken('bob')}`;
      for (const tab of tabs) await tab.run((url) => void new EventSource(url), url);
      await eventually(() => expect(connections('bob')).toBe(6));

      let asked = 0;
      host().intercept = (request, _response, next) => {
        if (request.path === '/session/bob') asked += 1;
        next();
      };
      const ask = async () => (await fetch('/session/bob', { signal: AbortSignal.timeout(500) })).status;
      const answers = await Promise.allSettled(tabs.map((tab) => tab.run(ask)));
      expect(answers.map(({ status }) => status)).toEqual(tabs.map(() => 'rejected'));
      expect(asked).toBe(0);
      expect(connections('bob')).toBe(6);
    });

    test('each notification is for one tab to toast: that which is looked at, else the leader', async () => {
      const tabs = await openTabs(4, await browser.newContext(), host(), 'cleo');
      const leader = await leaderOf(tabs);
      const [first, second] = tabs.filter((tab) => tab !== leader) as [Tab, Tab];
      let sent = 0;
      /** Each tab's toasts of one more notification. */
      const toastsOfNext = async () => {
        await host().notify('cleo');
        sent += 1;
        for (const tab of tabs) await tab.until((count) => crm.arrived.length === count, sent);
        return await Promise.all(tabs.map((tab) => tab.run(() => crm.arrived.at(-1)?.toast)));
      };
      // The leader may hear of what is shown after the next notification.
      const expectToastsIn = async (shown: Tab) =>
        await eventually(async () => expect(await toastsOfNext()).toEqual(tabs.map((tab) => tab === shown)));

      for (const tab of tabs) await setVisibility(tab.page, 'hidden');
      await expectToastsIn(leader);
      await setVisibility(second.page, 'visible');
      await expectToastsIn(second);
      await setVisibility(first.page, 'visible');
      await expectToastsIn(first);
      await setVisibility(leader.page, 'visible');
      await setVisibility(first.page, 'hidden');
      await setVisibility(second.page, 'hidden');
      await expectToastsIn(leader);

      const toasts = await Promise.all(tabs.map((tab) => tab.run(() => crm.arrived.filter(({ toast }) => toast))));
      const ids = toasts.flat().map(({ id }) => id);
      expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
    });

    test('a signal is heard in every tab', async () => {
      const tabs = await openTabs(3, await browser.newContext(), host(), 'joy');
      const signal = { type: 'import.progress', data: { done: 1, total: 2 } };
      await host().notifications.signal('joy', signal.type, signal.data);
      for (const tab of tabs) {
        await tab.until(() => crm.signals.length > 0);
        expect(await tab.run(() => crm.signals)).toEqual([signal]);
      }
    });

    test('two users in one browser never see anything of each other', async () => {
      const context = await browser.newContext();
      const tabs = { dan: await openTabs(2, context, host(), 'dan'), eve: await openTabs(2, context, host(), 'eve') };
      expect([connections('dan'), connections('eve')]).toEqual([1, 1]);

      await host().notifications.notify('dan', { type: 't', title: 'for Dan' });
      await host().notifications.notify('eve', { type: 't', title: 'for Eve' });
      await host().notifications.notify('eve', { type: 't', title: 'for Eve again' });
      for (const tab of tabs.eve) await tab.until(() => crm.arrived.length === 2);
      await tabs.eve[0]?.run(() => crm.inbox.markRead('all'));
      for (const tab of tabs.dan) await tab.until(() => crm.arrived.length === 1 && crm.inbox.getState().unread === 1);
      for (const tab of tabs.eve) await tab.until(() => crm.inbox.getState().unread === 0);
      const titles = async (tab: Tab) => (await tab.state()).items.map(({ title }) => title);
      expect(await Promise.all(tabs.dan.map(titles))).toEqual([['for Dan'], ['for Dan']]);
      expect(await Promise.all(tabs.eve.map(titles))).toEqual(tabs.eve.map(() => ['for Eve again', 'for Eve']));
    });

    test('a tab that signs in as another user leaves the others with the first', async () => {
      const context = await browser.newContext();
      const [first, second] = (await openTabs(2, context, host(), 'flo')) as [Tab, Tab];
      await host().notify('flo');
      for (const tab of [first, second]) await tab.until(() => crm.arrived.length === 1);

      await second.run(() => crm.inbox.close());
      await second.start('gus');
      await host().notifications.notify('gus', { type: 't', title: 'for Gus' });
      await second.until(() => crm.arrived.at(-1)?.title === 'for Gus');
      await host().notify('flo');
      await first.until(() => crm.arrived.length === 2);
      expect(await first.shown()).toEqual([2, 1]);
      expect((await second.state()).items.map(({ title }) => title)).toEqual(['for Gus']);
      expect([connections('flo'), connections('gus')]).toEqual([1, 1]);
    });

    test('what another version of the library says between tabs makes none of them deaf', async () => {
      // Reported as what an application's own listener throws, too.
      browser.expectErrors(/^TypeError: Cannot/);
      const [first, second] = await openTabs(2, await browser.newContext(), host(), 'jo');
      if (!first || !second) throw new Error('There are no tabs');
      await first.run(() => {
        const channel = new BroadcastChannel(
          JSON.stringify(['nestjs-crm-notifications', `${origin}/notifications`, 'jo']),
        );
        for (const message of [
          null,
          7,
          { kind: 'beat', message: { status: 'live' } },
          { kind: 'message', message: {} },
        ]) {
          channel.postMessage(message);
        }
      });
      await host().notify('jo', 3);
      for (const tab of [first, second]) await tab.until(() => crm.arrived.length === 3);
    });

    test.each([
      ['on a site without https', 'hal', INSECURE, ''],
      ['in an old browser', 'ivy', '127.0.0.1', 'delete Navigator.prototype.locks'],
      [
        'where a user lets no site keep data',
        'kim',
        '127.0.0.1',
        `const deny = () => Promise.reject(new DOMException('denied', 'SecurityError'));
         if (globalThis.LockManager) LockManager.prototype.request = LockManager.prototype.query = deny;`,
      ],
    ])('without Web Locks, %s, each tab has a stream of its own', async (_where, user, hostname, script) => {
      const context = await browser.newContext();
      await context.addInitScript(script);
      const tabs = await openTabs(3, context, { url: host().url.replace('127.0.0.1', hostname) }, user);
      const hasLocks = () => navigator.locks?.query().then(Boolean, () => false) ?? false;
      expect(await tabs[0]?.run(hasLocks)).toBe(false);
      expect(connections(user)).toBe(3);

      await host().notify(user, 3);
      await tabs[0]?.until(() => crm.arrived.length === 3);
      await tabs[0]?.run(() => crm.inbox.markRead(2));
      for (const tab of tabs) {
        await tab.until(() => crm.arrived.length === 3 && crm.inbox.getState().unread === 2);
        expect((await tab.state()).items.map(({ id, read }) => [id, read])).toEqual([
          [3, false],
          [2, true],
          [1, false],
        ]);
      }
    });
  },
  { args: [`--host-resolver-rules=MAP ${INSECURE} 127.0.0.1`] },
);

async function loadTabs(count: number, context: BrowserContext, host: ClientHost): Promise<Tab[]> {
  return await Promise.all(Array.from({ length: count }, () => Tab.openWithoutInbox(context, host)));
}
