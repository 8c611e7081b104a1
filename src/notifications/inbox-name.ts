import type { InboxKey } from './notification.js';

/** An inbox as a key of maps and sets. U+0000 is in no id, so no two inboxes have the same name. */
export function nameOf({ tenant, recipient }: InboxKey): string {
  return `${tenant}\0${recipient}`;
}
