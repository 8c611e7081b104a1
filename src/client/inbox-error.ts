/**
 * - `refused`: the answer has an error status, such as 403 of a guard or of CSRF protection, 404, or 502 of a proxy.
 * - `unreachable`: there was no answer, only half of one, or a stream without events.
 * - `unexpected-answer`: the answer has a good status, and is not one of these notifications: a login page, another
 *   program's JSON, the server's envelope around the right one, nothing.
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
    /** The HTTP status of the answer, if there was one; after a redirect that of the last. */
    readonly status?: number,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** What may be thrown by anything between this page and the server, or by the application's own functions. */
export function toInboxError(error: unknown): InboxError {
  return error instanceof InboxError ? error : new InboxError('unreachable', `No answer: ${error}`, undefined, error);
}
