import type { DeliveryCall } from './delivery-call.js';
import { isOfStatement, mayConcernAll, sqlState, toNotificationsError } from './postgres-error.js';

/** After so many failures of one kind, one after the other, the database itself is taken to be at fault. */
const MAX_FAILURES = 5;

/**
 * Tries the calls of a batch one by one, after Postgres has refused the batch: only the callers of bad rows are refused.
 *
 * Bounded where the database may be at fault (tables missing, read-only, no room): after five calls in a row with the same
 * SQLSTATE, or one that Postgres did not answer, the rest is rejected with that error and not sent. Errors that can only
 * come from a row have no such bound.
 *
 * @param write writes one call, and returns the error that it has rejected it with.
 */
export async function tryEach(
  calls: readonly DeliveryCall[],
  write: (call: DeliveryCall) => Promise<unknown>,
): Promise<void> {
  let failures = 0;
  let last: string | undefined;
  for (const [index, call] of calls.entries()) {
    const error = await write(call);
    const state = sqlState(error);
    if (error === undefined || !mayConcernAll(error)) failures = 0;
    else failures = state === last ? failures + 1 : 1;
    last = state;
    if (failures < MAX_FAILURES && (error === undefined || isOfStatement(error))) continue;
    for (const other of calls.slice(index + 1)) other.reject(toNotificationsError(error));
    return;
  }
}
