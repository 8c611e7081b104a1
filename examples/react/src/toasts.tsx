import type { InboxNotification } from 'nestjs-crm-notifications/client';
import { useEffect, useState } from 'react';
import { useInbox } from './inbox';

/** What has just arrived, in one tab of the browser. Each goes when its animation ends (shared/style.css). */
export function Toasts() {
  const inbox = useInbox();
  const [toasts, setToasts] = useState<readonly InboxNotification[]>([]);
  useEffect(
    () =>
      inbox.on('notification', (notification, { toast }) => {
        if (toast) setToasts((shown) => [...shown.slice(-2), notification]);
      }),
    [inbox],
  );
  return (
    <div className="toasts" role="status">
      {toasts.map(({ id, title }) => (
        <p key={id} onAnimationEnd={() => setToasts((shown) => shown.filter((toast) => toast.id !== id))}>
          {title}
        </p>
      ))}
    </div>
  );
}
