// What must and what must not compile in a host that has registered its notification types.
import type { InboxNotification, Notification, NotificationService, NotificationType } from 'nestjs-crm-notifications';

declare module 'nestjs-crm-notifications' {
  interface NotificationTypes {
    'deal.assigned': { dealId: string };
    'quote.approved': { quoteId: string; total?: number };
    announcement: { topic?: string };
  }
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

holds<Same<NotificationType, 'deal.assigned' | 'quote.approved' | 'announcement'>>();

export async function send(notifications: NotificationService): Promise<void> {
  await notifications.notify('alice', { type: 'deal.assigned', title: 'Yours', data: { dealId: '7' } });
  await notifications.notify(['alice', 'bob'], { type: 'quote.approved', title: 'Approved', data: { quoteId: '7' } });
  // Where every field is optional, data is.
  await notifications.notify('alice', { type: 'announcement', title: 'Closed on Friday' });
  await notifications.broadcast({ type: 'announcement', title: 'Closed on Friday', data: { topic: 'office' } });

  // A notification that is put together before it is sent.
  const prepared: Notification<'deal.assigned'> = { type: 'deal.assigned', title: 'Yours', data: { dealId: '7' } };
  await notifications.notify('alice', prepared);
  const any: Notification = prepared;
  await notifications.broadcast(any);

  // @ts-expect-error: the type is misspelt
  await notifications.notify('alice', { type: 'deal.asigned', title: 'Yours', data: { dealId: '7' } });
  // @ts-expect-error: dealId is missing
  await notifications.notify('alice', { type: 'deal.assigned', title: 'Yours', data: {} });
  // @ts-expect-error: data is missing
  await notifications.notify('alice', { type: 'deal.assigned', title: 'Yours' });
  // @ts-expect-error: dealId is no number
  await notifications.notify('alice', { type: 'deal.assigned', title: 'Yours', data: { dealId: 7 } });
  // @ts-expect-error: the data of another type
  await notifications.notify('alice', { type: 'deal.assigned', title: 'Yours', data: { quoteId: '7' } });
  // @ts-expect-error: an unknown field of data
  await notifications.notify('alice', { type: 'announcement', title: 'Closed', data: { subject: 'office' } });
  // @ts-expect-error: an unknown field of the notification
  await notifications.notify('alice', { type: 'announcement', title: 'Closed', link: '/office' });
  // @ts-expect-error: there is no title
  await notifications.notify('alice', { type: 'announcement' });
  // @ts-expect-error: any string is no registered type
  await notifications.notify('alice', { type: 'announcement' as string, title: 'Closed' });

  // @ts-expect-error: the type is misspelt
  await notifications.broadcast({ type: 'anouncement', title: 'Closed' });
  // @ts-expect-error: dealId is missing
  await notifications.broadcast({ type: 'deal.assigned', title: 'Yours', data: {} });
  // @ts-expect-error: topic is no number
  await notifications.broadcast({ type: 'announcement', title: 'Closed', data: { topic: 7 } });
}

/** What comes back: the type tells what `data` is. */
export function read(notification: InboxNotification): string | number | undefined {
  holds<Same<typeof notification.type, NotificationType>>();
  switch (notification.type) {
    case 'deal.assigned':
      holds<Same<typeof notification.data, { dealId: string }>>();
      return notification.data.dealId;
    case 'quote.approved':
      // @ts-expect-error: the field of another type
      notification.data.dealId;
      return notification.data.total;
    case 'announcement':
      return notification.data.topic;
  }
}

export function readOne(notification: InboxNotification<'deal.assigned'>): string {
  holds<Same<typeof notification.type, 'deal.assigned'>>();
  return notification.data.dealId;
}

export async function readPage(notifications: NotificationService): Promise<void> {
  const { items } = await notifications.list('alice');
  holds<Same<typeof items, InboxNotification[]>>();
}
