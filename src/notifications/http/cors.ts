import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MiddlewareConsumer } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import cors, { type CorsOptions } from 'cors';
import { NotificationsError } from '../notifications.error.js';
import { endsWithId, routesOf } from './own-routes.js';

const OPTIONS: CorsOptions = {
  credentials: true,
  methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
  allowedHeaders: ['Authorization', 'Content-Type', 'Last-Event-ID'],
  exposedHeaders: ['Retry-After'],
  maxAge: 600,
  // Reflected: only origins of the list come here.
  origin: true,
};

/**
 * Lets pages of other origins use the controllers of a module, errors included. As middleware and not as a guard or an
 * interceptor: a preflight has no handler, and what a guard refuses passes no interceptor.
 *
 * @param host the instance of the module.
 * @throws {NotificationsError} `INVALID_OPTIONS` if an origin is written in a way that no browser ever sends.
 */
export function applyCors(
  consumer: MiddlewareConsumer,
  { host, modules, origins }: { host: object; modules: ModulesContainer; origins: false | string[] },
): void {
  if (origins === false || origins.length === 0) return;
  // Where Nest is asked for routes that overlap, some versions of it run middleware once for each.
  const seen = new WeakSet<IncomingMessage>();
  const handle = corsMiddleware(origins);
  const once: typeof handle = (request, response, next) => {
    if (seen.has(request)) return next();
    seen.add(request);
    handle(request, response, next);
  };
  const onceForId: typeof handle = (request, response, next) =>
    endsWithId(request) ? once(request, response, next) : next();
  const { exact, withId } = routesOf(host, modules);
  // Spelt out, and without wildcard: what lies deeper below the path, or beside ours, belongs to the host.
  consumer.apply(once).forRoutes(...exact);
  consumer.apply(onceForId).forRoutes(...withId);
}

/** The middleware alone. An origin that isn't listed gets no CORS headers at all, and its preflight is not answered. */
export function corsMiddleware(origins: string[]) {
  for (const origin of origins) checkOrigin(origin);
  const allowed = new Set(origins);
  const handle = cors(OPTIONS);
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    const { origin } = request.headers;
    if (origin !== undefined && allowed.has(origin)) {
      handle(request as never, response as never, next);
    } else {
      // A cache must not hand this answer to an origin that is allowed.
      response.appendHeader('Vary', 'Origin');
      next();
    }
  };
}

function checkOrigin(listed: string): void {
  const { protocol, host, origin } = new URL(listed);
  // Other schemes than HTTP have an origin here, too, such as that of a browser's extension, and none for `URL`.
  const exact = host === '' || protocol === 'file:' ? origin : `${protocol}//${host}`;
  if (listed === exact) return;
  const remedy =
    exact === 'null'
      ? 'Leave it out: browsers send null for such pages, which stands for many others, too.'
      : `Write ${exact}.`;
  throw new NotificationsError(
    'INVALID_OPTIONS',
    `NotificationsModule: cors contains ${JSON.stringify(listed)}, which is never the Origin of a request. ${remedy}`,
  );
}
