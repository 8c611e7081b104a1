import type { InboxModel, Page } from './inbox-model.js';

/**
 * Holds what a client shows at this moment against a page of the same revision. What the stream has yet to give is not
 * compared, nor what expires: lists leave that out before the revision moves.
 *
 * @returns the difference; null if there is none, undefined if the two can't be compared.
 */
export function differenceAt(
  model: InboxModel,
  page: Page,
  mayExpire: (op: number) => boolean,
): string | null | undefined {
  const { numbers, items, floor, knownUpTo } = model;
  if (!numbers || model.isOutdated || page.revision !== numbers.revision) return undefined;
  if (page.lastId === numbers.lastId && page.unread !== numbers.unread) {
    return `unread is ${numbers.unread} instead of ${page.unread}`;
  }
  const from = Math.max(floor, page.nextBefore ?? 0);
  const upTo = Math.min(page.lastId, numbers.lastId, knownUpTo);
  const isCompared = (id: number, op: number) => id >= from && id <= upTo && !mayExpire(op);
  const listed = new Map(page.items.map((item) => [item.id, item]));
  for (const { id, op, read } of listed.values()) {
    if (!isCompared(id, op)) continue;
    const shown = items.get(id);
    if (!shown) return `${id} is missing`;
    if (shown.read !== read) return `${id} is shown as ${shown.read ? 'read' : 'unread'}`;
  }
  for (const { id, op } of items.values()) {
    if (isCompared(id, op) && !listed.has(id)) return `${id} is shown, and gone`;
  }
  return null;
}
