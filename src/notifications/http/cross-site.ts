import { HttpStatus, Inject, Injectable, Logger } from '@nestjs/common';
import type { HttpRequest, ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { forbidden } from './http-exceptions.js';
import { type HttpResponse, rawResponse } from './http-message.js';

/** Credentials in `Authorization` that browsers add by themselves, once their user has entered them. Others are a page's own. */
const AMBIENT = /^(basic|digest|negotiate|ntlm)\b/i;
const LOG_INTERVAL_MS = 30_000;

/**
 * Refuses requests that a page of another origin makes with credentials that the browser adds by itself, such as a cookie
 * with `SameSite=None`: the page can't read the answer, but its streams take the user's places, its calls change things, and
 * its questions take the turns of the user's own: four of a recipient are answered at a time.
 *
 * By what the browser says of the request: `Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/), or where that is missing,
 * as on plain HTTP, `Origin`. Clients that send neither are no browsers, and hold their credentials themselves.
 */
@Injectable()
export class CrossSite {
  private readonly logger = new Logger('NotificationsHttp');
  private readonly origins: ReadonlySet<unknown>;
  private quietUntil = 0;

  constructor(@Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions) {
    this.origins = new Set(options.cors || []);
  }

  /**
   * Call it where no token of the module's own speaks for the request.
   *
   * @throws {HttpException} 403
   */
  check(request: HttpRequest, response: HttpResponse): void {
    const { authorization, origin } = request.headers;
    // JWTs come by Authorization alone, which a page of another origin can set only after a preflight.
    const isAmbient = authorization === undefined || AMBIENT.test(String(authorization));
    if (this.options.jwt || !isAmbient || isSameOrigin(request) || this.isAllowed(request, response)) return;
    this.log(origin);
    throw forbidden(
      'A page of another origin has made this request, without a token. It must be of an origin that the option cors lists.',
    );
  }

  /** By the option `cors`, or by the host itself, as with `app.enableCors()`: its answer for this origin is there by now. */
  private isAllowed({ headers }: HttpRequest, response: HttpResponse): boolean {
    const { origin, cookie, authorization } = headers;
    if (origin === undefined) return false;
    if (this.origins.has(origin)) return true;
    const name = 'Access-Control-Allow-Origin';
    const allowed = rawResponse(response).getHeader(name) ?? response.getHeader(name);
    if (allowed === origin) return true;
    // Who lets in everybody lets in nobody with credentials of the browser's. Certificates of clients can't be seen here.
    return allowed === '*' && cookie === undefined && authorization === undefined;
  }

  private log(origin: unknown): void {
    if (Date.now() < this.quietUntil) return;
    this.quietUntil = Date.now() + LOG_INTERVAL_MS;
    const page = origin === undefined ? 'another origin' : JSON.stringify(String(origin).slice(0, 200));
    this.logger.warn(
      `A request for notifications by a page of ${page} has got ${HttpStatus.FORBIDDEN}: it brought no token. If that page is ` +
        'yours, list its origin in the option cors; if it is of this very origin, let your proxy pass Host or X-Forwarded-Host.',
    );
  }
}

function isSameOrigin({ headers }: HttpRequest): boolean {
  const site = headers['sec-fetch-site'];
  // `none`: the user's own doing, such as an address typed in.
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  if (headers.origin === undefined) return true;
  const host = hostOf(String(headers.origin));
  // A page of another origin can't set those either.
  const own = [headers[':authority'], headers.host, headers['x-forwarded-host']].flatMap((value) =>
    String(value).split(','),
  );
  return host !== undefined && own.some((value) => hostOf(`http://${value.trim()}`) === host);
}

/** The host of a URL, with its port where that is not the one of HTTP or HTTPS; undefined if it is none, such as `null`. */
function hostOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { host } = new URL(url);
  return host === '' ? undefined : host.replace(/:(80|443)$/, '');
}
