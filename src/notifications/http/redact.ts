import type { HttpRequest } from '../notifications.options.js';
import { queryParameter } from './http-message.js';

const JWT = /\beyJ[\w-]+\.[\w-]+(\.[\w-]*)*/g;
const URL_TOKEN = /\b(token=)[^&\s"']+/gi;
/** Shorter values occur in texts by chance, and are no credentials. */
const MIN_LENGTH = 6;

/**
 * What may be logged of an error that the host's code threw while it held the credentials of a request: libraries like
 * to put a token, a header or the URL into their messages.
 */
export function describeWithoutCredentials(error: unknown, request: HttpRequest): string {
  let text = error instanceof Error ? (error.stack ?? String(error)) : `${typeof error} thrown: ${String(error)}`;
  // The longest first: a header goes as a whole before the token that it contains.
  for (const secret of credentials(request).sort((a, b) => b.length - a.length)) text = text.replaceAll(secret, '[…]');
  return text.replace(JWT, '[…]').replace(URL_TOKEN, '$1[…]');
}

function credentials(request: HttpRequest): string[] {
  const { authorization, cookie } = request.headers;
  const values = [authorization, cookie, queryParameter(request, 'token')]
    .flat()
    .filter((value) => typeof value === 'string');
  const parts = values.flatMap((value) => value.split(/[\s;,]+/));
  const valuesOfPairs = parts.map((part) => part.slice(part.indexOf('=') + 1));
  return [...values, ...parts, ...valuesOfPairs].filter((value) => value.length >= MIN_LENGTH);
}
