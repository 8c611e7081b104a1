import type { CheckedRow, HeldRows } from './held-rows.js';
import { RECIPIENTS_PER_STATEMENT } from './limits.js';

const ROWS_PER_STATEMENT = 500;

/**
 * The next rows that one statement may deliver: of one kind, and with as many recipients as it may lock. What has to wait is
 * passed over.
 *
 * @param caution divides both limits by four, so many times.
 * @returns them, and where the next batch begins.
 */
export function nextBatch(
  rows: readonly CheckedRow[],
  from: number,
  held: HeldRows,
  { caution, isAlone: goesAlone }: { caution: number; isAlone: boolean },
): { rows: CheckedRow[]; next: number } {
  const most = Math.max(1, RECIPIENTS_PER_STATEMENT >> (2 * caution));
  const mostRows = goesAlone ? 1 : Math.max(1, ROWS_PER_STATEMENT >> (2 * caution));
  const batch: CheckedRow[] = [];
  let recipients = 0;
  let next = from;
  for (; next < rows.length; next++) {
    const row = rows[next] as CheckedRow;
    if (held.concerns(row)) {
      held.hold(row);
      continue;
    }
    if (batch.length === mostRows) break;
    const [first] = batch;
    const isAlone = row.messageId !== null || isLaterPart(row) || held.wasUnseen(row);
    const size = row.payload.kind === 'broadcast' ? 1 : row.payload.recipients.length;
    const fits = row.payload.kind === first?.payload.kind && recipients + size <= most && !isAlone;
    if (first && !fits) break;
    batch.push(row);
    recipients += size;
    if (recipients > most || isAlone) return { rows: batch, next: next + 1 };
  }
  return { rows: batch, next };
}

/** A later part of a large message, as the version before wrote them. */
export function isLaterPart({ payload }: CheckedRow): boolean {
  return payload.kind !== 'broadcast' && payload.continues === true;
}

/** More recipients than one statement may lock, or begun when it had more. */
export function isLarge([row, ...more]: CheckedRow[]): boolean {
  if (row === undefined || more.length > 0 || row.payload.kind === 'broadcast' || row.payload.continues) return false;
  return row.messageId !== null || row.payload.recipients.length > RECIPIENTS_PER_STATEMENT;
}
