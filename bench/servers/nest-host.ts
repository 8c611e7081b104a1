import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

/** A Nest application on Express that listens. */
export async function listenWithNest(module: Type): Promise<{ server: Server; port: number }> {
  const app = await NestFactory.create(module, { logger: ['warn', 'error', 'fatal'], abortOnError: false });
  await app.init();
  const server: Server = app.getHttpServer();
  // app.listen() takes no backlog, and a storm of connections overflows the default of 511.
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve));
  return { server, port: (server.address() as AddressInfo).port };
}
