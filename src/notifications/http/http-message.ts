import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import type { HttpRequest } from '../notifications.options.js';

/** A response as Express (the raw one, extended) or Fastify (`raw` behind a reply) hand it to a handler. */
export type HttpResponse = ServerResponse & { raw?: ServerResponse };

/**
 * The raw response behind either adapter's. Headers are set here and not on Fastify's reply: Nest 11 copies a reply's
 * headers to an event stream before the handler has run, and so would lose them.
 */
export function rawResponse(response: HttpResponse): ServerResponse {
  return response.raw ?? response;
}

/** The response of `node:http2` is no stream itself, and has one. */
export function streamOf(response: ServerResponse): Writable {
  return (response as { stream?: Writable }).stream ?? response;
}

/** What emits `close` when the client is gone, also for a response that waits behind another one (HTTP/1.1). */
export function connectionOf(response: ServerResponse): EventEmitter {
  const { stream } = response as { stream?: Writable };
  // A request that is injected, as in tests of Fastify's, has no socket.
  return stream ?? response.req?.socket ?? response;
}

/** The value of a query parameter as the host's parser left it: a string, or anything at all where it was repeated. */
export function queryParameter(request: HttpRequest, name: string): unknown {
  return (request.query as Record<string, unknown> | null | undefined)?.[name];
}
