import type { Notification } from '../../src/notifications/index.js';

const BODY =
  'Wang Fang has handed the deal over to you. The customer expects an offer by Friday; the last call was on Monday afternoon.';

/** What a CRM says: about 300 bytes as a row. `sentAt` is for whoever measures how long it is under way. */
export function dealNotification(deal: number, sentAt = 0): Notification {
  return {
    type: 'deal.assigned',
    title: 'The Acme deal is yours now',
    body: BODY,
    url: `/deals/${deal}`,
    data: { dealId: deal, stage: 'negotiation', sentAt },
  };
}
