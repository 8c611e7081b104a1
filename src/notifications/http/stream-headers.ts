import { validateHeaderName, validateHeaderValue } from 'node:http';
import { NotificationsError } from '../notifications.error.js';
import type { HttpRequest, NotificationsOptions } from '../notifications.options.js';
import { isPlainObject } from '../option-rules.js';
import { STREAM_HEADERS } from './take-over.js';

/** They say how the body of the answer is to be read, or what every stream says in the same words. */
const RESERVED = [
  ...['content-encoding', 'content-length', 'keep-alive', 'trailer', 'transfer-encoding', 'upgrade'],
  ...Object.keys(STREAM_HEADERS).map((name) => name.toLowerCase()),
];

/** Node sends Latin-1 as it is, or as UTF-8 where it writes head and body at once: nobody could read it rightly. */
const ASCII = /^[\t\x20-\x7e]*$/;

type StreamHeaders = NonNullable<NotificationsOptions['streamHeaders']>;

/**
 * The headers of a stream, by the option `streamHeaders`.
 *
 * @throws {TypeError} for a header that can't be sent, before any of them is set; and whatever the host's function throws.
 */
export function streamHeadersOf(streamHeaders: StreamHeaders, request: HttpRequest): [name: string, value: string][] {
  const given: unknown = typeof streamHeaders === 'function' ? streamHeaders(request) : streamHeaders;
  if (!isPlainObject(given)) {
    // Of a promise nobody else sees the rejection, which would end the process.
    Promise.resolve(given).catch(() => undefined);
    throw new TypeError('streamHeaders must give a plain object of headers at once, no promise, Map or Headers');
  }
  const headers = Object.entries(given);
  for (const [name, value] of headers) {
    validateHeaderName(name);
    if (typeof value !== 'string') throw new TypeError(`${name} is of type ${typeof value}, and no string`);
    validateHeaderValue(name, value);
    if (!ASCII.test(value)) throw new TypeError(`Invalid character in header content ["${name}"]`);
    if (RESERVED.includes(name.toLowerCase())) throw new TypeError(`${name} is for the stream itself to set`);
  }
  return headers as [name: string, value: string][];
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
          'for example by encodeURIComponent); and what a stream says for itself ' +
          `(${RESERVED.join(', ')}) is not among them.`,
        { cause },
      );
    }
  }
}
