/**
 * - `refused`: the server answered with another status than 2xx and 401.
 * - `unreachable`: there was no answer.
 * - `unexpected-answer`: what came is not an answer of these notifications, such as one in an envelope of the server's.
 * - `signed-out`: the server answered 401, or `token` gave none.
 * - `closed`: the inbox is closed.
 */
export type InboxErrorCode = 'refused' | 'unreachable' | 'unexpected-answer' | 'signed-out' | 'closed';

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
