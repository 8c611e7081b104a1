import { validateHeaderName, validateHeaderValue } from 'node:http';
import { NotificationsError } from '../notifications.error.js';
import type { HttpRequest, NotificationsOptions } from '../notifications.options.js';

/** They say how the body of the answer is to be read, which is the stream's affair alone. */
const FRAMING = ['content-encoding', 'content-length', 'trailer', 'transfer-encoding', 'upgrade'];

/** Node sends Latin-1 as it is, or as UTF-8 where it writes head and body at once: nobody could read it rightly. */
const ASCII = /^[\t\x20-\x7e]*$/;

type StreamHeaders = NonNullable<NotificationsOptions['streamHeaders']>;

/**
 * The headers of a stream, by the option `streamHeaders`.
 *
 * @throws {TypeError} for a header that can't be sent, before any of them is set; and whatever the host's function throws.
 */
export function streamHeadersOf(streamHeaders: StreamHeaders, request: HttpRequest): [name: string, value: string][] {
  const headers = Object.entries(typeof streamHeaders === 'function' ? streamHeaders(request) : streamHeaders);
  for (const [name, value] of headers) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    if (!ASCII.test(value)) throw new TypeError(`Invalid character in header content ["${name}"]`);
    if (FRAMING.includes(name.toLowerCase())) throw new TypeError(`${name} is for the stream itself to set`);
  }
  return headers;
}

/** @throws {NotificationsError} `INVALID_OPTIONS` if they are known already, and can't be sent. */
export function checkStreamHeaders(streamHeaders: StreamHeaders): void {
  if (typeof streamHeaders === 'function') return;
  for (const name of Object.keys(streamHeaders)) {
    try {
      streamHeadersOf({ [name]: streamHeaders[name] as string }, { headers: {}, query: {} });
    } catch (cause) {
      throw new NotificationsError(
        'INVALID_OPTIONS',
        `NotificationsModule: streamHeaders has ${JSON.stringify(name)}, which cannot be sent: ${(cause as Error).message}. A ` +
          'name consists of letters, digits and hyphens; a value is a string of printable ASCII characters (encode others, ' +
          'for example by encodeURIComponent); and what tells how the body is to be read ' +
          `(${FRAMING.join(', ')}) is not among them.`,
        { cause },
      );
    }
  }
}
