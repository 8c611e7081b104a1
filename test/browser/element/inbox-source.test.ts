import { expect, test } from '@jest/globals';
import { describeInChromium, type TestBrowser } from '../support/describe-in-chromium.js';
import { BellPage } from './bell-page.js';

const PAGE = { items: [], nextBefore: null, lastId: 0, unread: 0, revision: 0 };

await describeInChromium('<notification-bell> and its inbox', (browser) => {
  test('an inbox of its own lives as long as the element is in the document, also when it is moved', async () => {
    const { crm, tokens } = await openWithOwnInbox(browser);
    await crm.until(() => bells.streams.length === 1);
    await crm.run(async () => {
      document.querySelector('#after')?.after(bells.bell);
      await bells.bell.updateComplete;
      document.body.append(bells.bell);
      bells.bell.token = () => 'the same, from another rendering';
      await bells.bell.updateComplete;
    });
    expect(await crm.run(() => bells.streams)).toEqual([
      { url: expect.stringContaining('/notifications/stream?'), closed: false },
    ]);

    await crm.run(() => bells.bell.remove());
    expect(await crm.run(() => bells.streams.map(({ closed }) => closed))).toEqual([true]);
    await crm.run(() => document.body.append(bells.bell));
    await crm.until(() => bells.streams.length === 2);
    expect(tokens).toEqual(['Bearer alice', 'Bearer the same, from another rendering']);
  });

  test('another user gets another inbox', async () => {
    const { crm } = await openWithOwnInbox(browser);
    await crm.until(() => bells.streams.length === 1);
    await crm.run(() => bells.bell.setAttribute('user', 'bob'));
    await crm.until(() => bells.streams.length === 2);
    expect(await crm.run(() => bells.streams.map(({ closed }) => closed))).toEqual([true, false]);
    await crm.run(() => bells.bell.removeAttribute('url'));
    await crm.until(() => bells.streams.every(({ closed }) => closed));
  });

  test('a new token after the session has ended starts it again', async () => {
    const { crm } = await openWithOwnInbox(browser, '');
    await crm.button.click();
    await crm.panel.getByText('You’re signed out').waitFor();
    expect(await crm.run(() => bells.streams.length)).toBe(0);
    await crm.run(() => {
      bells.bell.token = async () => 'alice';
    });
    await crm.until(() => bells.streams.length === 1);
    await crm.panel.getByText('You’re all caught up').waitFor();
  });

  test('an inbox that is given is used, and never closed', async () => {
    const crm = await BellPage.open(browser);
    await crm.openWith(2);
    expect(await crm.run(() => bells.inbox.listening)).toBeGreaterThan(0);
    await crm.run(() => bells.bell.remove());
    await crm.until(() => bells.inbox.listening === 0);
    await crm.run(() => document.body.append(bells.bell));
    await crm.until(() => bells.inbox.listening > 0);
    expect(await crm.run(() => bells.bell.opened)).toBe(false);
    await crm.button.click();
    expect(await crm.rows.count()).toBe(2);
    await crm.run(() => {
      bells.bell.inbox = null;
    });
    await crm.panel.getByText('Loading…').waitFor();
    expect(await crm.run(() => bells.inbox.listening)).toBe(0);
    expect(await crm.calls()).toEqual([]);
  });

  test('it is defined once, however often its module is loaded', async () => {
    const crm = await BellPage.open(browser);
    const first = await crm.page.evaluateHandle(() => customElements.get('notification-bell'));
    await crm.loadAgain();
    expect(await first.evaluate((first) => customElements.get('notification-bell') === first)).toBe(true);
    await crm.show(3);
    await crm.page.getByRole('button', { name: 'Notifications, 3 unread' }).waitFor();
  });
});

/** The real client on a server of a few answers; the page counts its streams. */
async function openWithOwnInbox(browser: TestBrowser, token = 'alice'): Promise<{ crm: BellPage; tokens: string[] }> {
  const crm = await BellPage.open(browser, {
    body: '<notification-bell url="/notifications"></notification-bell><button id="after">After</button>',
  });
  const tokens: string[] = [];
  await crm.page.route('**/notifications?*', (route) => route.fulfill({ json: PAGE }));
  await crm.page.route('**/notifications/stream-token', async (route) => {
    tokens.push((await route.request().allHeaders()).authorization ?? '');
    const claims = Buffer.from('{"recipient":"alice"}').toString('base64url');
    await route.fulfill({ json: { token: `header.${claims}.signature` } });
  });
  await crm.run((token) => {
    bells.bell.token = () => token;
  }, token);
  return { crm, tokens };
}
