import { Controller, type MessageEvent, Req, Sse, type Type, UseGuards, VERSION_NEUTRAL } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { HttpRequest } from '../notifications.options.js';
import { StreamGuard } from './notifications.guard.js';
import { openStream, StreamOpener } from './stream-opener.js';

/**
 * The event stream at `path/stream`. A class of its own for each call: two modules
 * of one process may have two paths.
 */
export function createStreamController(path: string): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(StreamGuard, StreamOpener)
  class NotificationsStreamController {
    @Sse('stream')
    stream(@Req() request: HttpRequest): Observable<MessageEvent> {
      return openStream(request);
    }
  }
  return NotificationsStreamController;
}
