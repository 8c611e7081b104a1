import type { InboxNotification } from 'nestjs-crm-notifications/client';

/** Who is behind it, and when it came. */
export function byline(notification: InboxNotification): string {
  const time = new Date(notification.createdAt).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' });
  const person = personIn(notification);
  return person ? `${person}, ${time}` : time;
}

/** Each `type` has a `data` of its own. */
function personIn(notification: InboxNotification): string | null {
  switch (notification.type) {
    case 'deal.assigned':
      return notification.data.assignedBy;
    case 'deal.moved':
      return notification.data.movedBy;
    case 'approval.requested':
      return notification.data.requestedBy;
    case 'announcement':
      return notification.data.from;
    default:
      return null;
  }
}
