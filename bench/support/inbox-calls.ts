import type { NotificationService } from '../../src/notifications/index.js';
import type { InboxSize } from './inbox-fixture.js';

export const INBOX_CALLS = ['first page', 'deep page', 'unread page', 'unread count', 'mark one', 'mark all'] as const;

/** What is called, on which inboxes. */
export interface InboxCall {
  call: (typeof INBOX_CALLS)[number];
  size: InboxSize;
  /** How many calls there have been before: each marks what none has marked. */
  before: number;
}

/** @returns makes the nth call: another inbox each time, around all of them; throws if its answer is wrong. */
export function inboxCall(
  notifications: NotificationService,
  { call, size, before }: InboxCall,
): (n: number) => Promise<void> {
  const { inboxes, itemsEach: newest } = size;
  const read = newest / 2;
  const recipientOf = (n: number) => `user ${n % inboxes}`;
  const page = async (n: number, query: { before?: number; unread?: boolean }) => {
    const { items } = await notifications.list(recipientOf(n), query);
    const first = (query.before ?? newest + 1) - 1;
    for (const [i, { id }] of items.entries()) expectNumber(id, first - i);
    expectNumber(items.length, 20);
  };
  const calls: Record<InboxCall['call'], (n: number) => Promise<void>> = {
    'first page': (n) => page(n, {}),
    'deep page': (n) => page(n, { before: read }),
    'unread page': (n) => page(n, { unread: true }),
    'unread count': async (n) => {
      const { lastId } = await notifications.unreadCount(recipientOf(n));
      expectNumber(lastId, newest);
    },
    'mark one': async (n) => {
      const nth = before + n;
      const { found } = await notifications.markRead(recipientOf(nth), [read + 1 + Math.floor(nth / inboxes)]);
      expectNumber(found, 1);
    },
    'mark all': async (n) => {
      const { unread } = await notifications.markRead(recipientOf(n), { upTo: newest });
      expectNumber(unread, 0);
    },
  };
  return calls[call];
}

function expectNumber(actual: number, expected: number): void {
  if (actual !== expected) throw new Error(`The inbox answered ${actual} instead of ${expected}`);
}
