import { expect, test } from '@jest/globals';
import type { Response } from 'express';
import { useCleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { type ClientHost, useClientHost } from './support/client-host.js';
import { describeInChromium } from './support/describe-in-chromium.js';
import { openTabs, Tab } from './support/tab.js';

await describeInChromium('A stream that breaks', (browser) => {
  const host = useClientHost({ maxReplay: 5, retryMs: 100 });
  const impatient = useClientHost({ heartbeatMs: 200 });
  const onCleanup = useCleanup();

  /** Two tabs that reach the host through a proxy, and the proxy. */
  async function openBehindProxy(to: ClientHost, user: string) {
    const proxy: TcpProxy = await startTcpProxy(to.port);
    onCleanup(() => proxy.close());
    // Every request has a connection of its own: which of them are broken depends on nothing else.
    to.intercept = (_request, response, next) => {
      response.setHeader('connection', 'close');
      next();
    };
    const context = await browser.newContext();
    return { proxy, context, tabs: await openTabs(2, context, { url: `http://127.0.0.1:${proxy.port}` }, user) };
  }

  async function expectShown(tabs: Tab[], ids: number[]): Promise<void> {
    for (const tab of tabs) {
      await tab.until((count) => crm.inbox.getState().items.length === count, ids.length);
      expect(await tab.shown()).toEqual(ids);
    }
  }

  async function expectArrived(tabs: Tab[], ids: number[]): Promise<void> {
    for (const tab of tabs) {
      await tab.until((count) => crm.arrived.length >= count, ids.length);
      expect((await tab.run(() => crm.arrived)).map(({ id }) => id)).toEqual(ids);
    }
  }

  test('goes on when the server was restarted', async () => {
    browser.expectErrors(/net::ERR_/);
    const tabs = await openTabs(2, await browser.newContext(), host(), 'ann');
    await host().notify('ann', 2);
    await host().stop();
    for (const tab of tabs) await tab.until(() => crm.inbox.getState().status === 'reconnecting');
    await host().start();
    await host().notify('ann', 2);

    await expectArrived(tabs, [1, 2, 3, 4]);
    await expectShown(tabs, [4, 3, 2, 1]);
    for (const tab of tabs) {
      await tab.untilLive();
      expect(await tab.run(() => crm.statuses)).toEqual(['connecting', 'live', 'reconnecting', 'live']);
    }
    expect(host().notifications.connections('ann')).toBe(1);
  });

  test('goes on when the network is back, of which it is told', async () => {
    const { proxy, context, tabs } = await openBehindProxy(host(), 'bob');
    await host().notify('bob', 2);
    await expectArrived(tabs, [1, 2]);

    // Playwright's emulation stops new requests alone. What a real one leaves of the others is silence.
    proxy.silence('open');
    await context.setOffline(true);
    await host().notify('bob', 2);
    await context.setOffline(false);
    proxy.restore();

    await expectArrived(tabs, [1, 2, 3, 4]);
    await expectShown(tabs, [4, 3, 2, 1]);
    await eventually(() => expect(host().notifications.connections('bob')).toBe(1));
  });

  test('goes on when it was half-open, which it notices by missing pings', async () => {
    const { proxy, tabs } = await openBehindProxy(impatient(), 'cleo');
    await impatient().notify('cleo', 2);
    await expectArrived(tabs, [1, 2]);
    proxy.silence('open');
    await impatient().notify('cleo', 2);
    await expectArrived(tabs, [1, 2, 3, 4]);
    for (const tab of tabs) {
      await tab.untilLive();
      expect(await tab.run(() => crm.statuses)).toEqual(['connecting', 'live', 'reconnecting', 'live']);
    }
  });

  const refusals: [string, Parameters<typeof refuse>[0], object][] = [
    ['refused', (response) => response.status(403).send('no'), { code: 'refused', status: 403 }],
    ['a login page', (response) => response.type('html').send('Sign in'), { code: 'unexpected-answer', status: 200 }],
    ['a redirect to one', (response) => response.redirect('/page'), { code: 'unexpected-answer', status: 200 }],
    ['empty', (response) => response.sendStatus(204), { code: 'unexpected-answer', status: 204 }],
  ];

  /** Answers like that when a stream is asked for. */
  function refuse(answer: (response: Response) => unknown): void {
    host().intercept = (request, response, next) =>
      request.path === '/notifications/stream' ? void answer(response) : next();
  }

  test.each(refusals)('when it is %s says why in every tab, and goes on when it opens', async (name, answer, error) => {
    browser.expectErrors(/status of 403/, /MIME type/);
    refuse(answer);
    const user = name.replaceAll(' ', '-');
    await host().notify(user);
    const context = await browser.newContext();
    const tabs = [await Tab.openWithoutInbox(context, host()), await Tab.openWithoutInbox(context, host())];
    for (const tab of tabs) await tab.run((user) => crm.start(user), user);
    for (const tab of tabs) {
      await tab.until(() => crm.inbox.getState().error !== null);
      const read = () => {
        const { status, error, items } = crm.inbox.getState();
        return { status, items: items.length, error: error && { code: error.code, status: error.status } };
      };
      expect(await tab.run(read)).toEqual({ status: 'reconnecting', items: 1, error });
      expect(await tab.run(() => crm.errors)).toHaveLength(1);
    }
    host().intercept = (_request, _response, next) => next();
    for (const tab of tabs) await tab.run(() => crm.inbox.open());
    for (const tab of tabs) {
      await tab.untilLive();
      expect((await tab.state()).error).toBeNull();
    }
  });

  test('starts over when it has missed too much', async () => {
    browser.expectErrors(/net::ERR_/);
    const { proxy, tabs } = await openBehindProxy(host(), 'dan');
    await host().notify('dan', 2);
    await expectArrived(tabs, [1, 2]);
    proxy.silence('all');
    proxy.cut();
    for (const tab of tabs) await tab.until(() => crm.inbox.getState().status === 'reconnecting');
    await host().notify('dan', 30);
    proxy.restore();
    proxy.cut();
    for (const tab of tabs) await tab.run(() => crm.inbox.open());

    for (const tab of tabs) await tab.until(() => crm.events.includes('reset'));
    await expectShown(
      tabs,
      Array.from({ length: 20 }, (_, i) => 32 - i),
    );
    await host().notify('dan');
    for (const tab of tabs) {
      await tab.until(() => crm.arrived.at(-1)?.id === 33);
      expect(await tab.state()).toMatchObject({ status: 'live', unread: 33, hasMore: true, error: null });
      await tab.run(() => crm.inbox.loadMore());
    }
    await expectShown(
      tabs,
      Array.from({ length: 33 }, (_, i) => 33 - i),
    );
  });
});
