import type { NotificationService } from '../../notifications/index.js';

/**
 * Tells whoever has the board open that a deal, or something about it, has changed. A signal may get lost, and two may
 * overtake each other: so it doesn't say what has changed but makes pages look. Call it after the commit.
 */
export function dealChanged(notifications: NotificationService, dealId: number, by: string): void {
  notifications.signalAll('deal.changed', { dealId, by });
}
