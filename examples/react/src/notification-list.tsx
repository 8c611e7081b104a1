import { byline } from '../../shared/byline';
import { useInbox, useInboxState } from './inbox';

export function NotificationList() {
  const inbox = useInbox();
  const { items, unread, hasMore, loading, error } = useInboxState();
  return (
    <main>
      <header>
        <h2>Notifications {unread > 0 && <span className="badge">{unread}</span>}</h2>
        <button type="button" disabled={unread === 0} onClick={() => inbox.markRead('all')}>
          Mark all as read
        </button>
      </header>
      <ul>
        {items.map((item) => (
          <li key={item.id} className={item.read ? 'read' : 'unread'}>
            <a href={item.url ?? undefined} onClick={() => inbox.markRead(item.id)}>
              {item.title}
            </a>
            {item.body && <p>{item.body}</p>}
            <small>{byline(item)}</small>
            <button type="button" onClick={() => inbox.remove(item.id)}>
              Remove
            </button>
          </li>
        ))}
      </ul>
      {error && <p role="alert">{error.message}</p>}
      {items.length === 0 && !error && <p>{loading ? 'Loading…' : 'Nothing yet.'}</p>}
      {hasMore && (
        <button type="button" disabled={loading} onClick={inbox.loadMore}>
          Load more
        </button>
      )}
    </main>
  );
}
