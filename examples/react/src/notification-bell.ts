import type { NotificationBell, NotificationOpenEvent } from 'nestjs-crm-notifications/element';

type Properties = Pick<NotificationBell, 'inbox' | 'locale' | 'messages' | 'placement' | 'theme'>;

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'notification-bell': HTMLAttributes<NotificationBell> &
        RefAttributes<NotificationBell> &
        Partial<Properties> & { 'onnotification-open'?: (event: NotificationOpenEvent) => void };
    }
  }
}
