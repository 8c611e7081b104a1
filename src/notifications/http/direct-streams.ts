import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { EMPTY } from 'rxjs';
import { keyOf } from '../arguments.js';
import type { ResolvedOptions } from '../notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../notifications.tokens.js';
import { corsMiddleware } from './cors.js';
import { inboxOf } from './identity.js';
import { parseLastEventId } from './requests.js';
import { SocketStreams } from './socket-streams.js';
import { streamHeadersOf } from './stream-headers.js';
import { StreamTokens } from './stream-token.js';
import { canTakeOver } from './take-over.js';

/**
 * Opens streams that bring a stream token before the host sees their request: what Express and Nest do for it is more than
 * half of what a connect costs. Whatever is not let in here goes the host's way, and is let in or refused there.
 */
@Injectable()
export class DirectStreams implements OnApplicationBootstrap {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(StreamTokens) private readonly tokens: StreamTokens,
    @Inject(SocketStreams) private readonly sockets: SocketStreams,
  ) {}

  onApplicationBootstrap(): void {
    const { directStreamPath, cors } = this.options;
    // A worker without an HTTP server may share the application's options.
    const server: Server | null | undefined = this.host.httpAdapter?.getHttpServer();
    if (directStreamPath === null || !server) return;
    const start = `${directStreamPath}?`;
    const allowOrigin = cors ? corsMiddleware(cors) : undefined;
    // As engine.io, and with it Nest's gateways, attach themselves to a server.
    const listeners = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (request, response) => {
      const pass = () => {
        for (const listener of listeners) listener.call(server, request, response);
      };
      const isStream = request.method === 'GET' && request.url?.startsWith(start);
      if (!isStream || !canTakeOver(request, response)) return pass();
      void this.open(request, response, start.length, allowOrigin).then((isOpen) => {
        if (!isOpen) pass();
      });
    });
  }

  /** @returns false if the host shall see to it. */
  private async open(
    request: IncomingMessage,
    response: ServerResponse,
    queryAt: number,
    allowOrigin?: ReturnType<typeof corsMiddleware>,
  ): Promise<boolean> {
    try {
      const query = queryOf(request.url as string, queryAt);
      const identity = query?.token ? await this.tokens.verify(query.token) : null;
      if (!identity || !canTakeOver(request, response)) return false;
      const { expiresAt, validFrom } = identity;
      const lastEventId = parseLastEventId({ headers: request.headers, query });
      const start = { lastEventId, expiresAt, validFrom };
      // A function gets the request as a handler of the host would see it; the request itself may still become the host's.
      const seen = Object.create(request, { query: { value: query } });
      const headers = streamHeadersOf(this.options.streamHeaders, seen);
      // Last, because the host's way reserves a place of its own. open() gives this one back if it throws.
      let isOpen = true;
      const open = this.sockets.reserve(keyOf(inboxOf(identity)), start, {
        request: request as never,
        response,
        otherwise: () => {
          isOpen = false;
          return EMPTY;
        },
      });
      allowOrigin?.(request, response, () => {});
      response.setHeader('Referrer-Policy', 'no-referrer');
      for (const [name, value] of headers) response.setHeader(name, value);
      open();
      return isOpen;
    } catch {
      // The host's way ends in the same error, and an answer.
      return false;
    }
  }
}

/** The parameters; undefined where one comes twice, which every host's parser takes in its own way. */
function queryOf(url: string, at: number): Record<string, string> | undefined {
  const parameters = new URLSearchParams(url.slice(at));
  const query = Object.fromEntries(parameters);
  return Object.keys(query).length === parameters.size ? query : undefined;
}
