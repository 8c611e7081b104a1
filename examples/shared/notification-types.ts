import type {} from 'nestjs-crm-notifications/client';

declare module 'nestjs-crm-notifications/client' {
  /** What the CRM notifies of, each with its `data`: a test of `notification.type` tells what `notification.data` is. */
  interface NotificationTypes {
    'deal.assigned': { dealId: number; assignedBy: string };
    'deal.moved': { dealId: number; from: string; to: string; movedBy: string };
    'approval.requested': { approvalId: number; dealId: number; requestedBy: string };
    'approval.decided': { approvalId: number; dealId: number; decision: 'approved' | 'rejected' };
    'reminder.due': { reminderId: number; dealId: number };
    'import.finished': { importId: string; contacts: number };
    'import.failed': { importId: string };
    announcement: { from: string | null };
  }
}
