import { NotificationsError } from '../notifications.error.js';
import { checkPayload, unknownPart } from '../payload.js';
import type { CheckedRow } from './held-rows.js';
import type { LineRow, Setback } from './outbox-line.js';
import { MAX_ATTEMPTS } from './outbox-line.statement.js';

/** A row of a kind or with a field that only a newer version knows is left to that. */
const UNKNOWN_WAITS_MS = 600_000;
const UNKNOWN_RETRY_MS = 5_000;
const MAX_NAMED = 100;

/** Tells rows of the outbox that keep the limits from others. */
export class RowCheck {
  private readonly named = new Set<string>();

  /** @param onUnknown is told once of each kind and field that this version doesn't know. */
  constructor(private readonly onUnknown: (what: string) => void) {}

  /** @returns the rows that keep the limits, and what becomes of the others. */
  check(rows: readonly LineRow[]): { good: CheckedRow[]; setbacks: Setback[] } {
    const good: CheckedRow[] = [];
    const setbacks: Setback[] = [];
    for (const row of rows) {
      const checked = withoutStack(() => this.checkRow(row));
      if ('error' in checked) setbacks.push(checked);
      else good.push(checked);
    }
    return { good, setbacks };
  }

  private checkRow(row: LineRow): CheckedRow | Setback {
    const { pos } = row;
    try {
      const payload: unknown = JSON.parse(row.payload);
      const unknown = unknownPart(payload);
      if (unknown !== null && row.age_ms < UNKNOWN_WAITS_MS) {
        this.nameOnce(unknown);
        // Ever more seldom: there may be a hundred thousand of them.
        const waitMs = Math.max(UNKNOWN_RETRY_MS, Math.min(UNKNOWN_WAITS_MS - row.age_ms, row.age_ms / 2));
        return { pos, error: `This version doesn't know ${unknown}.`, waitMs };
      }
      checkPayload(payload);
      return { pos, payload, messageId: row.message_id, progress: row.progress };
    } catch (error) {
      // The same rules would say the same again; anything else is a fault of ours, and must not stop what is behind it.
      return { pos, error, counts: error instanceof NotificationsError ? MAX_ATTEMPTS : 1 };
    }
  }

  private nameOnce(what: string): void {
    if (this.named.has(what) || this.named.size >= MAX_NAMED) return;
    this.named.add(what);
    this.onUnknown(what);
  }
}

/** Only the message is kept of what is wrong with a row; its stack trace would be most of what a flood of them costs. */
function withoutStack<T>(work: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
