import type {} from '../notifications/index.js';

// An application that installed the package writes 'nestjs-crm-notifications' here.
declare module '../notifications/index.js' {
  /** What the CRM notifies of, each with its `data`: a misspelt type or a missing field doesn't compile. */
  interface NotificationTypes {
    'deal.assigned': { dealId: number; assignedBy: string };
    'import.finished': { importId: string; contacts: number };
    'import.failed': { importId: string };
    /** `from` is null for a line from the terminal. */
    announcement: { from: string | null };
  }
}
