import { Api } from './api.js';
import { Contacts } from './contacts.js';
import { openDeal, showDeals, showViewers } from './deals.js';
import { byId, element } from './dom.js';
import { Inbox } from './inbox.js';
import { showInbox } from './notifications.js';
import { Stream } from './stream.js';
import { Viewing } from './viewing.js';

const COLLEAGUES = ['alice', 'bob', 'carol', 'dave'];
/** Of this window: another one may be somebody else's. */
const STORED_USER = 'crm-demo.user';
const CONNECTION = { live: 'live', connecting: 'connecting…', ended: 'logged out' };

/** What the user who is logged in has open; null while nobody is. */
let session = null;

async function login(user) {
  byId('login-error').textContent = '';
  try {
    const api = await Api.login(user);
    leave();
    await open(user, api);
  } catch (error) {
    byId('login-error').textContent = error.message;
  }
}

async function open(user, api) {
  const opened = { user, api };
  session = opened;
  opened.inbox = new Inbox(api, {
    onChange: () => session === opened && showInbox(opened.inbox, { me: user, onError: report }),
    onError: report,
  });
  opened.contacts = new Contacts(api);
  opened.viewing = new Viewing(api, { onChange: showWhoLooks });
  await Promise.all([opened.inbox.reload(), reloadDeals(), opened.contacts.reload()]);
  if (session !== opened) return;
  show(user);
  opened.stream = new Stream(api, opened.inbox.lastId, {
    ready: (numbers) => {
      opened.inbox.apply(numbers);
      opened.viewing.show(openDeal());
    },
    message: (item) => {
      opened.inbox.add(item);
      if (item.type === 'deal.assigned') reloadDeals().catch(report);
      if (item.type === 'import.finished' || item.type === 'import.failed')
        opened.contacts.ended(item.data).catch(report);
    },
    signal: ({ type, data }) => {
      if (type === 'import.progress') opened.contacts.progress(data);
      if (type === 'deal.viewing') opened.viewing.seen(data);
    },
    state: ({ lastId, unread, revision, ...details }) => opened.inbox.apply({ lastId, unread, revision }, details),
    reset: (numbers) => opened.inbox.reset(numbers),
    connection: (state) => showConnection(state),
  });
}

function show(user) {
  sessionStorage.setItem(STORED_USER, user);
  history.replaceState(null, '', `/?user=${encodeURIComponent(user)}${location.hash}`);
  byId('me').textContent = user;
  byId('login').hidden = true;
  byId('session').hidden = byId('desk').hidden = false;
}

function leave(message = '') {
  session?.stream?.close();
  session?.viewing?.close();
  session?.contacts?.close();
  session = null;
  sessionStorage.removeItem(STORED_USER);
  history.replaceState(null, '', `/${location.hash}`);
  byId('login').hidden = false;
  byId('session').hidden = byId('desk').hidden = true;
  byId('login-error').textContent = message;
  report(null);
  report(null, 'import-error');
  document.title = 'CRM demo';
}

function showConnection(state) {
  if (state === 'ended') leave('You have been logged out.');
  byId('connection').textContent = CONNECTION[state];
  byId('connection').className = state;
}

async function reloadDeals() {
  const { user, api } = session;
  const { items } = await api.get('/deals');
  if (session?.api !== api) return;
  showDeals(items, { me: user, people: COLLEAGUES, assign });
  showWhoLooks();
}

function showWhoLooks() {
  showViewers((dealId) => session?.viewing?.usersAt(dealId) ?? []);
}

async function assign(id, owner) {
  await attempt(() => session.api.post(`/deals/${id}/assign`, { owner }));
  await attempt(reloadDeals);
}

/** Says what went wrong where the user is looking. */
async function attempt(action, place = 'desk-error') {
  report(null, place);
  try {
    await action();
    return true;
  } catch (error) {
    report(error, place);
    return false;
  }
}

function report(error, place = 'desk-error') {
  if (error?.status === 401) return leave('You have been logged out.');
  byId(place).textContent = error?.message ?? '';
}

byId('colleagues').append(
  ...COLLEAGUES.map((user) => {
    const button = element('button', { type: 'button', textContent: user });
    button.addEventListener('click', () => login(user));
    return element('li', {}, button);
  }),
);

byId('other-user').addEventListener('submit', (event) => {
  event.preventDefault();
  login(byId('user').value.trim());
});

byId('announce').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const title = byId('title').value.trim();
  if (await attempt(() => session.api.post('/announcements', { title }))) form.reset();
});

byId('import-sample').addEventListener('click', () => attempt(() => session.contacts.importSample(), 'import-error'));
byId('import-file').addEventListener('change', async ({ currentTarget: input }) => {
  const [file] = input.files;
  if (file) await attempt(() => session.contacts.importFile(file), 'import-error');
  // The same file again is a change, too.
  input.value = '';
});

window.addEventListener('hashchange', () => session?.viewing?.show(openDeal()));
window.addEventListener('pagehide', () => session?.viewing?.show(null));
// Back from the cache of the browser.
window.addEventListener('pageshow', () => session?.viewing?.show(openDeal()));

byId('leave').addEventListener('click', () => leave());
byId('read-all').addEventListener('click', () => attempt(() => session.inbox.markAllRead()));
byId('older').addEventListener('click', () => attempt(() => session.inbox.showOlder()));

const user = new URLSearchParams(location.search).get('user') ?? sessionStorage.getItem(STORED_USER);
if (user) login(user);
