import type { ServerResponse } from 'node:http';
import { Inject, Injectable, type MessageEvent, SSE_ABORT_CONTROLLER } from '@nestjs/common';
import { EMPTY, type Observable } from 'rxjs';
import type { InboxKey } from '../notification.js';
import type { HttpRequest } from '../notifications.options.js';
import { currentContext } from '../own-context.js';
import type { Reservation } from '../stream/admission.js';
import { Hub } from '../stream/hub.js';
import { SocketStream, type StreamStart } from '../stream/socket-stream.js';
import { canTakeOver, type Taken, takeOver } from './take-over.js';

/** Opens a stream when the handler runs; what it returns is for Nest to write. */
export type Open = () => Observable<MessageEvent>;

/**
 * What Nest aborts when a response has ended: nothing. Each `abort()` makes a DOMException with a stack trace, and took 40 µs
 * of the 350 that opening a stream costs.
 */
const ENDED: AbortController = { signal: AbortSignal.abort(), abort: () => {} };

/** The streams that go to their client's socket themselves. */
@Injectable()
export class SocketStreams {
  private readonly inOwnContext = currentContext();

  constructor(@Inject(Hub) private readonly hub: Hub) {}

  /**
   * Takes a place among the streams now, and the socket when the handler runs: until then interceptors of the host may set
   * headers.
   *
   * @param otherwise opens the stream where the socket can't be had any more.
   * @throws {NotificationsError} `TOO_MANY_STREAMS_OF_RECIPIENT` or `TOO_MANY_STREAMS`
   */
  reserve(
    key: InboxKey,
    start: StreamStart,
    { request, response, otherwise }: { request: HttpRequest; response: ServerResponse; otherwise: Open },
  ): Open {
    const reservation = this.hub.reserve(key, response);
    request[SSE_ABORT_CONTROLLER as unknown as string] = ENDED;
    return () => {
      if (reservation.isGone) return EMPTY;
      let taken: Taken | undefined;
      try {
        if (canTakeOver(request, response)) taken = takeOver(response);
      } finally {
        // Also where a patched writeHead() throws: another way to open the stream takes a place of its own.
        if (!taken) {
          reservation.release();
          request[SSE_ABORT_CONTROLLER as unknown as string] = new AbortController();
        }
      }
      if (!taken) return otherwise();
      const { socket, head, isChunked } = taken;
      this.inOwnContext(() => connect(reservation, new SocketStream(socket, head, isChunked, start)));
      return EMPTY;
    };
  }
}

/** A function of its own, so that what lasts as long as the stream holds on to nothing of the request. */
function connect(reservation: Reservation, stream: SocketStream): void {
  const connection = reservation.connect(stream);
  stream.output.once('close', () => {
    stream.close();
    connection?.close();
  });
}
