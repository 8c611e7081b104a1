import { Controller, Get, HttpException, Inject, type MessageEvent, Req, Res, Sse } from '@nestjs/common';
import { catchError, EMPTY, NEVER, type Observable } from 'rxjs';
import { NotificationService } from '../../src/notifications/index.js';

// biome-ignore lint/suspicious/noExplicitAny: whatever the host's adapter hands over
type Any = any;

function rawOf(response: Any): Any {
  return response.raw ?? response;
}

/** With an answer, and nothing in the log. */
function refusing(open: () => Observable<MessageEvent>): Observable<MessageEvent> {
  try {
    return open();
  } catch (cause) {
    throw new HttpException('Too many streams', 429, { cause });
  }
}

/** A host's own handlers, good ones and careless ones. */
@Controller('own')
export class OwnStreams {
  constructor(@Inject(NotificationService) private readonly notifications: NotificationService) {}

  @Sse('paced')
  paced(@Req() request: Any, @Res() response: Any): Observable<MessageEvent> {
    return refusing(() => this.notifications.stream(request.headers['x-user'], { response: rawOf(response) }));
  }

  @Sse('unpaced')
  unpaced(@Req() request: Any): Observable<MessageEvent> {
    return this.notifications.stream(request.headers['x-user']).pipe(catchError(() => EMPTY));
  }

  /** Subscribes by itself, and forgets to unsubscribe. */
  @Get('forgetful')
  forgetful(@Req() request: Any, @Res() response: Any): void {
    const raw = rawOf(response);
    const events = refusing(() => this.notifications.stream(request.headers['x-user'], { response: raw }));
    raw.writeHead(200, { 'content-type': 'text/event-stream' });
    events.subscribe({ next: ({ data }) => raw.write(`data: ${data}\n\n`), error: () => raw.end() });
  }

  /** Takes a place, and never subscribes. */
  @Sse('idle')
  idle(@Req() request: Any, @Res() response: Any): Observable<MessageEvent> {
    refusing(() => this.notifications.stream(request.headers['x-user'], { response: rawOf(response) }));
    return NEVER;
  }
}
