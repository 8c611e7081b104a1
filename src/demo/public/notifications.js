import { byId, element, safeUrl } from './dom.js';

const TIME = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

/** Shows the inbox: the list, the badge, and the number in the window's title. */
export function showInbox(inbox, { me, onError }) {
  const { items, unread } = inbox;
  byId('items').replaceChildren(...items.map((item) => row(item, inbox, onError)));
  byId('empty').hidden = items.length > 0;
  byId('older').hidden = !inbox.hasOlder;
  byId('read-all').disabled = unread === 0;
  byId('badge').hidden = unread === 0;
  byId('badge').textContent = unread > 99 ? '99+' : String(unread);
  byId('badge-text').textContent = `Notifications, ${unread} unread`;
  document.title = `${unread > 0 ? `(${unread}) ` : ''}${me} · CRM demo`;
}

function row(item, inbox, onError) {
  const url = safeUrl(item.url);
  const title = url ? link(url, item, inbox, onError) : element('strong', { textContent: item.title });
  const from = item.type === 'announcement' ? `Announcement by ${item.data.from ?? 'the terminal'}` : null;
  const toggle = element('button', {
    type: 'button',
    className: 'quiet',
    textContent: item.read ? 'Mark as unread' : 'Mark as read',
  });
  toggle.addEventListener('click', () => inbox.markRead(item.id, !item.read).catch(onError));
  return element(
    'li',
    { className: item.read ? '' : 'unread' },
    title,
    item.body ? element('p', { textContent: item.body }) : null,
    from ? element('p', { textContent: from }) : null,
    element(
      'footer',
      {},
      element('time', { dateTime: item.createdAt, textContent: TIME.format(new Date(item.createdAt)) }),
      toggle,
    ),
  );
}

function link(url, item, inbox, onError) {
  const anchor = element('a', { href: url.href, textContent: item.title });
  anchor.addEventListener('click', (event) => {
    if (!item.read) inbox.markRead(item.id, true).catch(onError);
    if (url.origin !== location.origin || url.pathname !== '/' || !url.hash) return;
    // It leads to a place on this very page: no need to load that anew.
    event.preventDefault();
    location.hash = url.hash;
  });
  return anchor;
}
