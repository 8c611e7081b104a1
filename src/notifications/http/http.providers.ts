import { applyDecorators, type Type } from '@nestjs/common';
import type { NotificationsExtras, ResolvedOptions } from '../notifications.options.js';
import { Authenticator } from './authenticator.js';
import { corsMiddleware } from './cors.js';
import { CrossSite } from './cross-site.js';
import { DirectStreams } from './direct-streams.js';
import { HostThrottlers, leaveAlone } from './host-enhancers.js';
import { HttpDrain } from './http-drain.js';
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
  const controllers = [createStreamController(extras.path), createInboxController(extras.path)];
  for (const controller of controllers) {
    leaveAlone(controller);
    describeToSwagger(controller);
    applyDecorators(...extras.controllerDecorators)(controller);
  }
  return controllers;
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
