import type {} from '../notifications/index.js';
import type { Decision } from './approvals/approval.entity.js';
import type { Stage } from './deals/stage.js';

// An application that installed the package writes 'nestjs-crm-notifications' here.
declare module '../notifications/index.js' {
  /** What the CRM notifies of, each with its `data`: a misspelt type or a missing field doesn't compile. */
  interface NotificationTypes {
    'deal.assigned': { dealId: number; assignedBy: string };
    'deal.moved': { dealId: number; from: Stage; to: Stage; movedBy: string };
    'approval.requested': { approvalId: number; dealId: number; requestedBy: string };
    'approval.decided': { approvalId: number; dealId: number; decision: Decision };
    'reminder.due': { reminderId: number; dealId: number };
    'import.finished': { importId: string; contacts: number };
    'import.failed': { importId: string };
    /** `from` is null for a line from the terminal. */
    announcement: { from: string | null };
  }
}
