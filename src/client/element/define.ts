import { NotificationBell } from './notification-bell.js';

// A page may hold several copies of this module: the first one is it.
if (!customElements.get('notification-bell')) customElements.define('notification-bell', NotificationBell);
