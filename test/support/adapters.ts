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
