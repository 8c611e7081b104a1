import type { HttpRequest } from '../notifications.options.js';
import { describeError } from '../one-line.js';
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
  let text = describeError(error);
  // The longest first: a header goes as a whole before the token that it contains.
  for (const secret of credentials(request).sort((a, b) => b.length - a.length)) text = text.replaceAll(secret, '[…]');
  return text.replace(JWT, '[…]').replace(URL_TOKEN, '$1[…]');
}

/**
 * A URL, or its path and query, in which the value of each parameter `token` is `[…]`: for what writes down the URLs of requests, such
 * as access logs and traces. All else stays as it is.
 */
export function urlWithoutToken(url: string): string {
  const query = url.indexOf('?') + 1;
  if (query === 0) return url;
  const pairs = url.slice(query).split('&');
  return url.slice(0, query) + pairs.map((pair) => (isToken(pair) ? 'token=[…]' : pair)).join('&');
}

/** As a parser of the query reads the name: `%74oken` is one, too. */
function isToken(pair: string): boolean {
  return new URLSearchParams(pair).has('token');
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
