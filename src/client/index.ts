export type {
  InboxNotification,
  NotificationData,
  NotificationType,
  NotificationTypes,
} from '../notifications/notification.js';
export type { EventSourceConstructor, EventSourceLike } from './event-stream.js';
export { createInbox, type InboxOptions } from './inbox.js';
export type { Inbox, InboxEvents, InboxState, InboxStatus, StreamFrame } from './inbox.types.js';
export { InboxError, type InboxErrorCode } from './inbox-error.js';
export { safeUrl } from './safe-url.js';
