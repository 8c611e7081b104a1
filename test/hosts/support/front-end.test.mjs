// What a front end tests of its page, in its own Jest or Vitest: both have `test` and `expect` as globals.
/* global test, expect */
import { EventSource } from 'eventsource';
import { createInbox } from 'nestjs-crm-notifications/client';
import { NotificationBell } from 'nestjs-crm-notifications/element';

const { SERVER_URL, TOKEN } = process.env;
const createdAt = new Date().toISOString();

/** An inbox of the test's own, without a server. */
function inboxOf(items) {
  let state = { status: 'live', items, unread: items.length, hasMore: true, loading: false, error: null };
  const listeners = new Set();
  const calls = [];
  const call =
    (name) =>
    async (...args) =>
      void calls.push([name, ...args]);
  return {
    calls,
    getState: () => state,
    set(changes) {
      state = { ...state, ...changes };
      for (const listener of listeners) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      listener(state);
      return () => listeners.delete(listener);
    },
    on: () => () => {},
    loadMore: call('loadMore'),
    markRead: call('markRead'),
    markUnread: call('markUnread'),
    remove: call('remove'),
    open: () => {},
    close: () => {},
  };
}

function notification(id, title) {
  return { id, type: 't', title, body: null, data: null, url: null, read: false, createdAt };
}

async function mount(inbox) {
  const bell = new NotificationBell();
  bell.inbox = inbox;
  document.body.append(bell);
  await bell.updateComplete;
  return bell;
}

async function until(condition) {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(condition()).toBe(true);
}

test('a bell is mounted, opened, pressed and taken away', async () => {
  const inbox = inboxOf([notification(1, 'Welcome')]);
  const bell = await mount(inbox);
  const badge = () => bell.shadowRoot.querySelector('[part=badge]').textContent;
  expect(badge()).toBe('1');
  inbox.set({ items: [notification(2, 'The Acme deal is yours now'), ...inbox.getState().items], unread: 2 });
  // What comes within a frame is shown at once.
  await until(() => badge() === '2');

  bell.shadowRoot.querySelector('[part=bell]').click();
  await bell.updateComplete;
  const titles = [...bell.shadowRoot.querySelectorAll('[part=title]')].map((title) => title.textContent);
  expect(titles).toEqual(['The Acme deal is yours now', 'Welcome']);

  const opened = [];
  bell.addEventListener('notification-open', (event) => opened.push(event.detail.id));
  bell.shadowRoot.querySelector('[data-id="2"] [data-control=open]').click();
  expect(opened).toEqual([2]);
  await until(() => inbox.calls.some(([name]) => name === 'markRead'));
  bell.remove();
});

test('a bell follows a server', async () => {
  // Under Jest jsdom has no fetch: a front end passes one.
  const inbox = createInbox({
    url: `${SERVER_URL}/notifications`,
    user: 'ann',
    token: () => TOKEN,
    eventSource: EventSource,
  });
  const bell = await mount(inbox);
  if (typeof fetch === 'undefined') {
    await until(() => inbox.getState().error !== null);
    expect(inbox.getState()).toMatchObject({ status: 'reconnecting', error: { code: 'unreachable' } });
  } else {
    await until(() => inbox.getState().status === 'live' && inbox.getState().items.length === 1);
    await bell.updateComplete;
    expect(bell.shadowRoot.querySelector('[part=badge]').textContent).toBe('1');
  }
  bell.remove();
  inbox.close();
  expect(inbox.getState().status).toBe('closed');
});
