import { expect, jest, test } from '@jest/globals';
import { startDemos } from '../demo/start-demos.js';
import { eventually } from '../support/eventually.js';
import { CrmPage } from './demo/crm-page.js';
import { describeInChromium } from './support/describe-in-chromium.js';

// The demo takes a second to start, a reminder ten; and the machine may be busy.
jest.setTimeout(120_000);

await describeInChromium('the demo in a browser', (browser) => {
  const demos = startDemos();

  async function openAs(user: string, hash?: string): Promise<CrmPage> {
    return await CrmPage.openAs(await browser.newContext(), demos.first.url, user, hash);
  }

  test('two log in; what one assigns shows on the badge of the other, who reads it: it falls in all of his tabs', async () => {
    const context = await browser.newContext();
    const [alice, bob] = await Promise.all([
      CrmPage.open(await browser.newContext(), demos.first.url),
      CrmPage.open(context, demos.first.url),
    ]);
    await alice.button(/^Alice Martin/).click();
    await bob.button(/^Bob Fischer/).click();
    await Promise.all([alice.untilLive(), bob.untilLive()]);
    const other = await CrmPage.openAs(context, demos.first.url, 'bob');
    await Promise.all([bob.untilUnread(1), other.untilUnread(1)]);

    await alice.choose('Warehouse scanners', 'Bob Fischer');
    await Promise.all([bob.untilUnread(2), other.untilUnread(2)]);
    expect(await bob.bell.getAttribute('aria-label')).toContain('2');
    await eventually(async () => expect((await bob.toasts.count()) + (await other.toasts.count())).toBe(1), {
      timeoutMs: 20_000,
    });
    await bob.card('Warehouse scanners').getByRole('img', { name: 'Owner: Bob Fischer' }).waitFor();

    let loads = 0;
    bob.page.on('load', () => loads++);
    await bob.follow('Warehouse scanners is yours now');
    await bob.heading('Warehouse scanners').waitFor();
    expect(loads).toBe(0);
    expect(bob.page.url()).toBe(`${demos.first.url}/?user=bob#deal-2`);
    await Promise.all([bob.untilUnread(1), other.untilUnread(1)]);
  });

  test('a card that is dragged moves for all, its owner is told, and everybody sees who looks at it', async () => {
    const [alice, bob] = await Promise.all([openAs('alice'), openAs('bob')]);
    const before = await bob.unread();
    await alice.card('Clinic booking portal').dragTo(alice.column('proposal'));
    await bob.column('proposal').getByText('Clinic booking portal').waitFor();
    await bob.untilUnread(before + 1);
    await bob.toasts.getByText('Clinic booking portal is in Proposal now').waitFor();

    await alice.link('Clinic booking portal').click();
    await alice.heading('Clinic booking portal').waitFor();
    await bob.card('Clinic booking portal').getByRole('img', { name: 'Looking at it now: Alice Martin' }).waitFor();
    await alice.link('Back to the board').click();
    await bob.locator('.viewers').waitFor({ state: 'detached' });
  });

  test('a discount is asked for, and rejected with a note: each sees at once what the other did', async () => {
    const [alice, carol] = await Promise.all([openAs('alice', '#deal-12'), openAs('carol')]);
    await alice.button('Ask for a discount').click();
    await alice.locator('[name=approver]').selectOption('carol');
    await alice.locator('[name=amount]').fill('600');
    await alice.locator('[name=reason]').fill('A pilot for a pilot’s price.');
    await alice.button('Send request').click();
    await alice.locator('.panel .chip').getByText('Pending').waitFor();

    await carol.follow('Alice Martin asks for €600 off Route planning pilot');
    await carol.heading('Approvals').waitFor();
    const request = carol.locator('.approval').filter({ hasText: 'Route planning pilot' });
    await carol.untilFocused(request);
    await request.getByRole('textbox').fill('Not below our cost.');
    await request.getByRole('button', { name: 'Reject' }).click();
    await request.getByText('Rejected').waitFor();

    await alice.locator('.panel .chip').getByText('Rejected').waitFor();
    await alice.locator('.panel').getByText('Not below our cost.').waitFor();
    await alice.toasts.getByText('Carol Lindqvist rejected €600 off Route planning pilot').waitFor();
  });

  test('a follow-up comes when it was wanted', async () => {
    const bob = await openAs('bob', '#deal-15');
    const unread = await bob.unread();
    await bob.button('In 10 seconds').click();
    await bob.locator('.reminders li').getByText('Reminder set for').waitFor();
    expect(await bob.unread()).toBe(unread);
    await bob.toasts.getByText('Follow up on Help desk migration').waitFor();
    await bob.untilUnread(unread + 1);
    await bob.locator('.reminders li').waitFor({ state: 'detached' });

    await bob.button('Another time').click();
    await bob.locator('[name=note]').fill('Ask for Farid');
    await bob.button('Remind me').click();
    await bob.locator('.reminders li').getByText('Ask for Farid').waitFor();
  });

  test('contacts are imported while one goes on working; the progress is there on coming back', async () => {
    const alice = await openAs('alice', '#contacts');
    await alice.button('Import 5,000 samples').click();
    await alice.locator('progress').waitFor();
    await alice.link('Deals').click();
    await alice.link('Contacts').click();
    await alice.toasts.getByText('5,000 contacts have been imported').waitFor();
    await alice.locator('progress').waitFor({ state: 'detached' });
    await alice.locator('.view-head').getByText('5,012 in all').waitFor();
  });

  test('an announcement reaches everybody, as text, whatever it says', async () => {
    const [alice, dave] = await Promise.all([openAs('alice'), openAs('dave')]);
    const title = '<img src=x onerror=alert(1)> & lunch';
    const dialogs: string[] = [];
    for (const { page } of [alice, dave]) {
      page.on('dialog', (dialog) => {
        dialogs.push(dialog.message());
        void dialog.dismiss();
      });
    }
    await alice.button('Announce').click();
    await alice.locator('dialog [name=title]').fill(title);
    await alice.locator('dialog').getByRole('button', { name: 'Announce' }).click();
    await Promise.all([alice, dave].map((one) => one.toasts.getByText(title, { exact: true }).waitFor()));
    await dave.bell.click();
    await dave.bellPanel.getByText(title, { exact: true }).waitFor();
    for (const one of [alice, dave]) expect(await one.locator('img').count()).toBe(0);
    expect(dialogs).toEqual([]);
  });

  test('a stream that is cut is seen to reconnect in vain; switched back, it brings what was missed', async () => {
    browser.expectErrors(/ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_FAILED/);
    const [alice, bob] = await Promise.all([openAs('alice'), openAs('bob')]);
    const unread = await alice.unread();
    await alice.button(/^On the wire/).click();
    await alice.locator('.frames pre').filter({ hasText: 'event: ready' }).waitFor();
    const status = alice.locator('.wire-head .chip');
    const cut = alice.locator('[role=switch][aria-labelledby=switch-stream]');
    await cut.click();
    await status.getByText('Reconnecting').waitFor();
    await alice.locator('.header').getByText('Stream cut').waitFor();
    expect(await cut.getAttribute('aria-checked')).toBe('true');
    const attempts = alice.locator('.frames li').filter({ hasText: /GET \/notifications\/stream\?lastEventId=\d+$/ });
    await eventually(async () => expect(await attempts.count()).toBeGreaterThan(1), { timeoutMs: 20_000 });

    await bob.choose('Point-of-sale rollout', 'Alice Martin');
    await bob.card('Point-of-sale rollout').getByRole('img', { name: 'Owner: Alice Martin' }).waitFor();
    expect((await status.textContent())?.trim()).toBe('Reconnecting');
    expect(await alice.unread()).toBe(unread);

    await cut.click();
    await status.getByText('Live').waitFor();
    await alice.untilUnread(unread + 1);
    await alice.locator('.frames pre').filter({ hasText: 'Point-of-sale rollout is yours now' }).waitFor();
    await alice.card('Point-of-sale rollout').getByRole('img', { name: 'Owner: Alice Martin' }).waitFor();
  });

  test('the drawer holds still while it is paused, and starts anew when it is cleared', async () => {
    const [alice, bob] = await Promise.all([openAs('alice'), openAs('bob')]);
    await alice.button(/^On the wire/).click();
    const frames = alice.locator('.frames li');
    await frames.first().waitFor();
    await alice.button('Clear').click();
    await frames.first().waitFor({ state: 'detached' });
    await alice.button('Pause').click();
    await bob.choose('Support contract, 3 years', 'Alice Martin');
    await alice
      .locator('.wire-tools')
      .getByText(/\d more/)
      .waitFor();
    expect(await frames.count()).toBe(0);
    await alice.button(/^Resume/).click();
    await frames.filter({ hasText: 'event: message' }).waitFor();
  });

  test('the broker that somebody stops is seen to be stopped by all', async () => {
    const [alice, bob] = await Promise.all([openAs('alice'), openAs('bob')]);
    await alice.button(/^On the wire/).click();
    const stop = alice.locator('[role=switch][aria-labelledby=switch-broker]');
    await stop.click();
    await bob.locator('.header').getByText('Broker stopped').waitFor();
    await stop.click();
    await bob.locator('.header').getByText('Broker stopped').waitFor({ state: 'detached' });
  });
});
