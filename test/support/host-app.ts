import { type DynamicModule, type INestApplication, Logger, Module, type ModuleMetadata } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DataSource } from 'typeorm';
import { NotificationService } from '../../src/notifications/index.js';
import { selfSignedCertificate } from './self-signed-certificate.js';

export const ADAPTERS = ['express', 'fastify'] as const;
type Adapter = (typeof ADAPTERS)[number] | 'fastify-http2';

export interface HostSettings {
  adapter?: Adapter;
  /** Logs nothing: the start is meant to fail. */
  silent?: boolean;
  configure?(app: INestApplication): void;
}

/** An application of which the test writes every part itself, listening on a port of its own. */
export interface HostApp {
  readonly app: INestApplication;
  /** `http://127.0.0.1:port`, or `https:` on HTTP/2. */
  readonly url: string;
  readonly notifications: NotificationService;
  /** What a client must trust, on HTTP/2. */
  readonly ca?: string;
  close(): Promise<void>;
}

/** Starts a host out of a root module's metadata; rejects with what the start failed with. */
export async function startHost(metadata: ModuleMetadata, settings: HostSettings = {}): Promise<HostApp> {
  const { adapter = 'express', silent = false, configure } = settings;
  @Module(metadata)
  class HostModule {}

  Logger.overrideLogger(silent ? false : ['error', 'fatal']);
  const tls = adapter === 'fastify-http2' ? selfSignedCertificate() : undefined;
  const app = await NestFactory.create<INestApplication>(HostModule, adapterOf(adapter, tls), { abortOnError: false });
  try {
    configure?.(app);
    await app.listen(0, '127.0.0.1');
  } catch (error) {
    await app.close();
    throw error;
  }
  return {
    app,
    url: (await app.getUrl()).replace(/^http:/, tls ? 'https:' : 'http:'),
    notifications: app.get(NotificationService, { strict: false }),
    ca: tls?.cert,
    close: () => app.close(),
  };
}

/** A module that provides a DataSource under its class, as hosts without `@nestjs/typeorm` do. */
export function provideDataSource(dataSource: DataSource): DynamicModule {
  class DatabaseModule {}
  const provider = { provide: DataSource, useFactory: async () => dataSource };
  return { module: DatabaseModule, global: true, providers: [provider], exports: [DataSource] };
}

function adapterOf(adapter: Adapter, tls?: { key: string; cert: string }) {
  if (adapter === 'express') return new ExpressAdapter();
  if (!tls) return new FastifyAdapter();
  // Without the last one Fastify waits for connections that their clients keep open, for 72 seconds.
  return new FastifyAdapter({ http2: true, https: { allowHTTP1: true, ...tls }, forceCloseConnections: true } as never);
}
