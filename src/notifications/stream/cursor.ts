/** Fifteen digits are exact in a JavaScript number, and more than any inbox will hold. */
const CURSOR = /^\d{1,15}$/;

/** A last event ID that is still malformed when the client comes back with it, and says nothing of what it was. */
const MALFORMED = 'malformed';

/**
 * Where a client left off, from its last event ID.
 *
 * @returns undefined if it sent none (an empty one is what a new `EventSource` has), null if it is malformed.
 */
export function parseCursor(lastEventId: string | undefined): number | null | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  return CURSOR.test(lastEventId) ? Number(lastEventId) : null;
}

/** The last event ID that leaves a client where it was; the empty one where it has none. */
export function formatCursor(cursor: number | null | undefined): string {
  if (cursor === undefined) return '';
  return cursor === null ? MALFORMED : String(cursor);
}
