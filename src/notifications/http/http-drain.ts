import type { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { isGone } from '../stream/transport.js';
import { connectionOf, streamOf } from './http-message.js';

const LOOK_MS = 100;
/** A connection without any request, as browsers open ahead of need, holds the shutdown up until now. */
const SILENT_MS = 1_500;
/** A response that is written, and whose client does not read it. */
const UNREAD_MS = 2_500;
/** A response of ours that is not written at all: by now every call to Postgres has ended. */
const UNANSWERED_MS = 3_500;

/**
 * Lets the HTTP server close in time. Node's `server.close()` waits for every connection with a request in flight, then for
 * its keep-alive (5 s and more), and for ever for a client that does not read.
 */
@Injectable()
export class HttpDrain {
  /** The responses that are neither written to their end nor closed. */
  private readonly open = new Set<ServerResponse>();
  /**
   * The same by connection: a response without a socket emits no `close` when its connection closes, see {@link isGone}.
   * Weakly, because the connection of an injected request (light-my-request, serverless adapters) never closes.
   */
  private readonly byConnection = new WeakMap<EventEmitter, Set<ServerResponse>>();
  private timer?: NodeJS.Timeout;

  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  /** Call it for each request to our controllers, before it waits for anything. */
  track(response: ServerResponse): void {
    // Middleware of the host may have waited for long: the client has left, and nothing emits `close` any more.
    if (isGone(streamOf(response))) return;
    const ofConnection = this.openOn(connectionOf(response));
    this.open.add(response);
    ofConnection.add(response);
    const forget = () => {
      this.open.delete(response);
      ofConnection.delete(response);
    };
    response.once('close', forget);
    // Serverless adapters emit no `close` after it.
    response.once('finish', forget);
  }

  /** The application begins to shut down, and Nest will soon close the server. */
  start(): void {
    // A worker has none.
    const server: Partial<Server> | null | undefined = this.host.httpAdapter?.getHttpServer();
    if (!server || this.timer) return;
    // A proxy that sends one request after the other on its kept connection would never let it become idle.
    server.prependListener?.('request', (_, response) => {
      response.shouldKeepAlive = false;
    });
    const began = performance.now();
    this.timer = setInterval(() => {
      if (server.listening === false) server.closeIdleConnections?.();
      const elapsed = performance.now() - began;
      if (elapsed >= SILENT_MS) for (const socket of silentSockets(server)) socket.destroy();
      for (const response of this.open) {
        if (elapsed >= (response.writableEnded ? UNREAD_MS : UNANSWERED_MS)) streamOf(response).destroy();
      }
    }, LOOK_MS);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private openOn(connection: EventEmitter): Set<ServerResponse> {
    const known = this.byConnection.get(connection);
    if (known) return known;
    const open = new Set<ServerResponse>();
    this.byConnection.set(connection, open);
    connection.once('close', () => {
      for (const response of open) this.open.delete(response);
      // Whatever still holds the closed connection must not hold its responses.
      open.clear();
    });
    return open;
  }
}

/** What `closeIdleConnections()` looks through. It leaves connections alone that have not sent anything yet. */
interface ConnectionsList {
  all(): { incoming?: unknown; socket?: (Socket & { _httpMessage?: unknown }) | null }[];
}

/** Connections on which no request is in flight; none where Node keeps its list of them in another way. */
function silentSockets(server: object): Socket[] {
  const key = Object.getOwnPropertySymbols(server).find(({ description }) => description === 'http.server.connections');
  const list = key && (server as Record<symbol, Partial<ConnectionsList> | undefined>)[key];
  return (list?.all?.() ?? []).flatMap(({ incoming, socket }) =>
    socket && !incoming && !socket._httpMessage ? [socket] : [],
  );
}
