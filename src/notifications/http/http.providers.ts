import { applyDecorators, type Type, UseInterceptors } from '@nestjs/common';
import type { NotificationsExtras, ResolvedOptions } from '../notifications.options.js';
import { Authenticator } from './authenticator.js';
import { corsMiddleware } from './cors.js';
import { CrossSite } from './cross-site.js';
import { DirectStreams } from './direct-streams.js';
import { HostThrottlers, handlersOf, leaveAlone } from './host-enhancers.js';
import { HttpDrain } from './http-drain.js';
import { HttpAnswers } from './http-errors.js';
import { createInboxController } from './inbox.controller.js';
import { describeToSwagger } from './openapi.js';
import { OwnAnswers } from './own-answers.js';
import { SocketStreams } from './socket-streams.js';
import { createStreamController } from './stream.controller.js';
import { checkStreamHeaders } from './stream-headers.js';
import { StreamTokens, streamTokenKey } from './stream-token.js';

/** What the controllers inject, besides `NotificationService` and `NOTIFICATIONS_OPTIONS`. */
export const HTTP_PROVIDERS: Type<unknown>[] = [
  Authenticator,
  CrossSite,
  StreamTokens,
  SocketStreams,
  DirectStreams,
  HttpDrain,
  HostThrottlers,
  OwnAnswers,
];

/** The controllers of one module: new classes at each call, so that no path or decorator of one reaches another. */
export function createControllers(extras: Required<Pick<NotificationsExtras, 'path' | 'controllerDecorators'>>) {
  const inbox = createInboxController(extras.path);
  const controllers = [createStreamController(extras.path), inbox];
  for (const controller of controllers) {
    leaveAlone(controller);
    describeToSwagger(controller);
    applyDecorators(...extras.controllerDecorators)(controller);
  }
  answerInnermost(inbox);
  return controllers;
}

/**
 * Puts {@link HttpAnswers} on each handler, after the host's decorators: an interceptor of the host inside it, such as a cache,
 * could answer in place of a handler that is taken to have run.
 */
function answerInnermost(controller: Type<unknown>): void {
  for (const handler of handlersOf(controller)) UseInterceptors(HttpAnswers)(handler as never);
}

/**
 * Checks what only the controllers need.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`, as the providers would when they are made.
 */
export function checkHttpOptions(options: ResolvedOptions): void {
  new Authenticator(options);
  streamTokenKey(options);
  if (options.cors) corsMiddleware(options.cors);
  checkStreamHeaders(options.streamHeaders);
}
