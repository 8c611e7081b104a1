import type { Hint } from '../broker/broker.js';
import type { InboxKey } from '../notification.js';
import type { Payload } from '../payload.js';

/** The inboxes that a payload goes to; none for a broadcast. */
export function inboxesOf(payload: Payload): InboxKey[] {
  if (payload.kind === 'broadcast') return [];
  const { tenant = '', recipients } = payload;
  return recipients.map((recipient) => ({ tenant, recipient }));
}

/** Where to look for what a payload has brought. */
export function hintsOf(payload: Payload): Hint[] {
  return payload.kind === 'broadcast' ? [{ tenant: payload.tenant ?? '' }] : inboxesOf(payload);
}
