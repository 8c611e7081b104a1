// What a front end writes; it only has to compile.
import { createInbox, type Inbox, type InboxError, type InboxState } from 'nestjs-crm-notifications/client';
import { NotificationBell, type NotificationOpenEvent } from 'nestjs-crm-notifications/element';

declare module 'nestjs-crm-notifications/client' {
  interface NotificationTypes {
    'deal.assigned': { dealId: number };
    announcement: { from: string | null };
  }
}

const inbox: Inbox = createInbox({ url: '/notifications', user: 'u-7', token: () => sessionStorage.getItem('token') });

export const dealIds: number[] = [];
export const states: InboxState[] = [];
export const errors: InboxError[] = [];

inbox.subscribe((state) => states.push(state));
inbox.on('error', (error) => errors.push(error));
inbox.on('notification', (notification, { toast }) => {
  if (notification.type === 'deal.assigned') dealIds.push(notification.data.dealId);
  // @ts-expect-error: an announcement has no deal
  if (notification.type === 'announcement') dealIds.push(notification.data.dealId);
  // @ts-expect-error: the type is misspelt
  if (notification.type === 'deal.asigned') return;
  if (toast) console.log(notification.title);
});

const bell = document.querySelector('notification-bell') ?? new NotificationBell();
bell.inbox = inbox;
bell.locale = 'zh-CN';
// @ts-expect-error: this is no inbox
bell.inbox = {};
bell.addEventListener('notification-open', (event) => {
  const { detail }: NotificationOpenEvent = event;
  event.preventDefault();
  history.pushState(null, '', detail.url);
});
