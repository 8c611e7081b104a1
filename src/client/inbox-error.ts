/**
 * - `refused`: the server answered with another status than 2xx and 401.
 * - `unreachable`: there was no answer.
 * - `signed-out`: the server answered 401, or `token` gave none.
 * - `closed`: the inbox is closed.
 */
export type InboxErrorCode = 'refused' | 'unreachable' | 'signed-out' | 'closed';

/** What an inbox could not do. */
export class InboxError extends Error {
  override readonly name = 'InboxError';

  constructor(
    readonly code: InboxErrorCode,
    message: string,
    /** The status of the answer, if there was one. */
    readonly status?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}
