// First: what comes after may fail in a less telling way.
import './node-version.js';

export type { Broker, BrokerContext, BrokerFactory, Hint, HintHandler } from './broker/broker.js';
export { inProcessBroker } from './broker/in-process.broker.js';
export type { Keyring, KeySnapshot, Signature } from './broker/keyring.js';
export { type PostgresBrokerOptions, postgresBroker } from './broker/postgres.broker.js';
export type { TransportBrokerOptions } from './broker/transport.broker.js';
export { urlWithoutToken } from './http/redact.js';
export { NotificationsDataSource, runNotificationsMigrations } from './inbox/database.js';
export { type OutboxFigures, OutboxMonitor } from './inbox/outbox-monitor.js';
export { ParkedNotifications, type ParkedRow } from './inbox/parked.js';
export type {
  Change,
  ChangeResult,
  InboxKey,
  InboxNotification,
  InboxNumbers,
  InboxPage,
  ListQuery,
  Notification,
  NotificationData,
  NotificationType,
  NotificationTypes,
  NotifyResult,
  Recipient,
} from './notification.js';
export { NotificationService } from './notification.service.js';
export type { NotifyOptions, SignalOptions, StreamOptions } from './notification.service.options.js';
export { NotificationsError, type NotificationsErrorCode } from './notifications.error.js';
export { NotificationsModule } from './notifications.module.js';
export type {
  HttpRequest,
  Identity,
  JwtOptions,
  NotificationsExtras,
  NotificationsOptions,
  RetentionOptions,
  StreamTokenOptions,
} from './notifications.options.js';
