import type { AbstractHttpAdapter } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NotificationsOptions } from '../../src/notifications/index.js';

/** The HTTP servers that a host may run on, for `describe.each`. */
export const ADAPTERS: [name: string, create: () => AbstractHttpAdapter][] = [
  ['Express', () => new ExpressAdapter()],
  ['Fastify', () => new FastifyAdapter()],
];

/** Who writes the streams of a host on Express, for suites that need no other server. */
export const STREAM_WRITERS = ['socket', 'nest'] as const satisfies NotificationsOptions['streamWriter'][];

/** The hosts on which streams are written in different ways. On Fastify it is Nest, whatever the option says. */
export const STREAM_HOSTS: [name: string, create: () => AbstractHttpAdapter, options: NotificationsOptions][] = [
  ['Express', () => new ExpressAdapter(), { streamWriter: 'socket' }],
  ['Express, streams by Nest', () => new ExpressAdapter(), { streamWriter: 'nest' }],
  ['Fastify', () => new FastifyAdapter(), {}],
];

/** A server certificate, as {@link selfSignedCertificate} makes it. */
interface Tls {
  key: string;
  cert: string;
}

/** {@link STREAM_HOSTS}, and those that end TLS themselves: all of them take HTTP/1.1. */
export const STREAM_TRANSPORTS: [
  name: string,
  create: (tls: Tls) => AbstractHttpAdapter,
  options: NotificationsOptions,
  isTls?: boolean,
][] = [
  ...STREAM_HOSTS,
  ['Express over TLS', createHttpsAdapter, {}, true],
  [
    'Fastify over HTTP/2 and TLS',
    (https) =>
      // Without the last one Fastify waits for connections that their clients keep open, for 72 seconds.
      new FastifyAdapter({ http2: true, https: { allowHTTP1: true, ...https }, forceCloseConnections: true } as never),
    {},
    true,
  ],
];

export function createHttpsAdapter(tls: Tls): ExpressAdapter {
  class HttpsAdapter extends ExpressAdapter {
    override initHttpServer(options: object): void {
      super.initHttpServer({ ...options, httpsOptions: tls } as never);
    }
  }
  return new HttpsAdapter();
}
