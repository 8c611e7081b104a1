import 'nestjs-crm-notifications';

declare module 'nestjs-crm-notifications' {
  interface NotificationTypes {
    'deal.assigned': { dealId: string };
    announcement: { topic?: string };
  }
}
