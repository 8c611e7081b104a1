import './define.js';

export type { NotificationBellMessages } from './messages.js';
export { NotificationBell, type NotificationOpenEvent } from './notification-bell.js';
export type { PanelPlacement } from './panel-host.js';
