import type { HttpRequest } from '../notifications.options.js';

/** Headers that say who somebody is; a proxy adds the last two. */
const CREDENTIALS = ['authorization', 'cookie', 'proxy-authorization', 'x-forwarded-user', 'x-forwarded-email'];
/** What a host's middleware makes of them, and finds them again in. */
const DERIVED = { cookies: {}, signedCookies: {}, session: undefined, sessionID: undefined, user: undefined };

/**
 * A view of the request whose only credential is the token of the URL. It stands in `Authorization`, too; everything else is
 * as it was. A host's `authenticate` that looks for a token and then for a cookie would otherwise take the cookie for a
 * request that brings a bad token.
 */
export function withTokenAlone(request: HttpRequest, token: string): HttpRequest {
  const alone = viewOf(request, token);
  // Fastify's request has the one of Node behind it.
  if (isObject(request.raw)) define(alone, 'raw', viewOf(request.raw as HttpRequest, token));
  return alone;
}

function viewOf(request: HttpRequest, token: string): HttpRequest {
  const view: HttpRequest = Object.create(request);
  const others = Object.entries(request.headers).filter(([name]) => !CREDENTIALS.includes(name));
  const headers = [...others, ['authorization', `Bearer ${token}`]] as const;
  define(view, 'headers', Object.fromEntries(headers));
  // The same in the other forms that Node has.
  define(
    view,
    'rawHeaders',
    headers.flatMap(([name, value]) => [name, String(value)]),
  );
  define(view, 'headersDistinct', Object.fromEntries(headers.map(([name, value]) => [name, [value].flat()])));
  for (const [name, value] of Object.entries(DERIVED)) if (name in request) define(view, name, value);
  return view;
}

/** Not by assigning: what frameworks define on the prototype has no setter, or sets the original. */
function define(view: HttpRequest, name: string, value: unknown): void {
  Object.defineProperty(view, name, { value, configurable: true, enumerable: true, writable: true });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
