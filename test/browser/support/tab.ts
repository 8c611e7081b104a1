import { setTimeout } from 'node:timers/promises';
import type { BrowserContext, Page } from 'playwright-core';
import type { InboxState } from '../../../src/client/index.js';

/** A tab of a browser with the page of `client-host.ts`. */
export class Tab {
  private constructor(readonly page: Page) {}

  /** Opens one, with an inbox of that user that is live. */
  static async open(context: BrowserContext, host: { url: string }, user: string): Promise<Tab> {
    const tab = await Tab.load(context, `${host.url}/page?user=${user}`);
    await tab.untilLive();
    return tab;
  }

  /** Opens one that has no inbox as yet. */
  static async openWithoutInbox(context: BrowserContext, host: { url: string }): Promise<Tab> {
    return await Tab.load(context, `${host.url}/page`);
  }

  private static async load(context: BrowserContext, url: string): Promise<Tab> {
    const page = await context.newPage();
    await page.goto(url);
    return new Tab(page);
  }

  /** Opens the inbox of another user; resolves when it is live. */
  async start(user: string): Promise<void> {
    await this.run((user) => crm.start(user), user);
    await this.untilLive();
  }

  async untilLive(): Promise<void> {
    await this.until(() => crm.inbox.getState().status === 'live' && !crm.inbox.getState().loading);
  }

  /** Resolves once it holds in the page, and fails with what there is instead. */
  async until<A>(condition: (argument: A) => boolean, argument?: A, timeoutMs = 10_000): Promise<void> {
    try {
      const options = { polling: 20, timeout: timeoutMs };
      await this.page.waitForFunction(condition as (argument: unknown) => boolean, argument, options);
    } catch (cause) {
      // Of a page that is elsewhere, frozen or gone there is no more to say.
      const found = await Promise.race([this.describe().catch(String), setTimeout(1_000, '')]);
      throw new Error(`It never held in this tab: ${condition}\nwith ${argument}\n${found}`, { cause });
    }
  }

  /** Runs a function in the page. */
  async run<T, A>(script: (argument: A) => T, argument?: A): Promise<Awaited<T>> {
    return (await this.page.evaluate(script as (argument: unknown) => T, argument)) as Awaited<T>;
  }

  async state(): Promise<InboxState> {
    return await this.run(() => crm.inbox.getState());
  }

  /** The ids of what is shown, newest first. */
  async shown(): Promise<number[]> {
    return (await this.state()).items.map(({ id }) => id);
  }

  private async describe(): Promise<string> {
    const { items, ...state } = await this.state();
    const { arrived, signals, events, errors, statuses, badges, streams } = await this.run(() => ({
      ...crm,
      inbox: null,
    }));
    return [
      JSON.stringify({ ...state, signals, errors, statuses, streams }),
      `shown: ${items.map(({ id, read }) => (read ? `${id} read` : id))}`,
      `arrived: ${arrived.map(({ id, toast }) => (toast ? `${id} toast` : id))}`,
      `unread: ${badges}`,
      `events: ${events}`,
    ].join('\n');
  }
}

/** Opens several of one user. */
export async function openTabs(
  count: number,
  context: BrowserContext,
  host: { url: string },
  user: string,
): Promise<Tab[]> {
  return await Promise.all(Array.from({ length: count }, () => Tab.open(context, host, user)));
}

/** The tab that has the event stream; fails unless it is one alone. */
export async function leaderOf(tabs: Tab[]): Promise<Tab> {
  const streams = await Promise.all(tabs.map((tab) => tab.run(() => crm.streams)));
  const leader = tabs[streams.indexOf(1)];
  if (!leader || streams.filter(Boolean).length > 1)
    throw new Error(`Streams of the tabs: ${streams}, and not one in all`);
  return leader;
}
