// What must and what must not compile in a host that has registered no notification types.
import type {
  InboxNotification,
  Notification,
  NotificationData,
  NotificationService,
  NotificationType,
} from 'nestjs-crm-notifications';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <_ extends true>(): void => {};

holds<Same<NotificationType, string>>();
holds<Same<NotificationData, object>>();

interface DealAssigned {
  dealId: string;
}

export async function send(notifications: NotificationService, type: string, data: DealAssigned): Promise<void> {
  await notifications.notify('alice', { type: 'whatever', title: 'No data' });
  await notifications.notify('alice', { type, title: 'Of an interface', data });
  await notifications.broadcast({ type: 'whatever', title: 'Anything', data: { of: ['any', { kind: 1 }] } });
  const prepared: Notification = { type, title: 'Prepared', body: null, url: '/deals/7', data };
  await notifications.notify(['alice', 'bob'], prepared);

  // @ts-expect-error: the type is no string
  await notifications.notify('alice', { type: 7, title: 'Yours' });
  // @ts-expect-error: there is no title
  await notifications.notify('alice', { type: 'whatever' });
  // @ts-expect-error: data is no object
  await notifications.notify('alice', { type: 'whatever', title: 'Yours', data: 'text' });
  // @ts-expect-error: an unknown field of the notification
  await notifications.broadcast({ type: 'whatever', title: 'Closed', link: '/office' });
}

export function read(notification: InboxNotification): object {
  holds<Same<typeof notification.type, string>>();
  return notification.data;
}
