import type { AddressInfo } from 'node:net';
import {
  type INestApplication,
  Inject,
  type LoggerService,
  type MiddlewareConsumer,
  Module,
  type NestModule,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { applyCors } from '../../../src/notifications/http/cors.js';
import { createControllers, HTTP_PROVIDERS } from '../../../src/notifications/http/http.providers.js';
import { NotificationService } from '../../../src/notifications/notification.service.js';
import type { NotificationsExtras, NotificationsOptions } from '../../../src/notifications/notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from '../../../src/notifications/notifications.tokens.js';
import { resolveOptions } from '../../../src/notifications/resolve-options.js';
import { Hub } from '../../../src/notifications/stream/hub.js';
import { FakeNotificationService } from './fake-notification-service.js';

export const ADAPTERS = ['express', 'fastify'] as const;
export type Adapter = (typeof ADAPTERS)[number];

export interface HttpAppSettings {
  adapter?: Adapter;
  options?: NotificationsOptions;
  extras?: NotificationsExtras;
  /** What a host does to its application before it listens. */
  configure?: (app: INestApplication) => void;
}

/** The HTTP side of the module in a small host, listening, over a {@link FakeNotificationService}. */
export class HttpApp {
  private constructor(
    readonly app: INestApplication,
    readonly service: FakeNotificationService,
    /** Everything that went to Nest's logger. */
    readonly log: string[],
    readonly origin: string,
  ) {}

  static async start({ adapter = 'express', options = {}, extras = {}, configure }: HttpAppSettings): Promise<HttpApp> {
    const path = extras.path ?? 'notifications';
    // Over a service that is a fake there is no hub: the streams of the whole are in test/e2e.
    const resolved = resolveOptions({ streamWriter: 'nest', ...options });
    const service = new FakeNotificationService();

    @Module({
      controllers: createControllers({ path, controllerDecorators: extras.controllerDecorators ?? [] }),
      providers: [
        ...HTTP_PROVIDERS,
        { provide: NOTIFICATIONS_OPTIONS, useValue: resolved },
        { provide: NotificationService, useValue: service },
        { provide: Hub, useValue: null },
      ],
    })
    class HostModule implements NestModule {
      constructor(@Inject(ModulesContainer) private readonly modules: ModulesContainer) {}

      configure(consumer: MiddlewareConsumer): void {
        applyCors(consumer, { host: this, modules: this.modules, origins: resolved.cors });
      }
    }

    const log: string[] = [];
    const testing = await Test.createTestingModule({ imports: [HostModule] })
      .setLogger(collect(log))
      .compile();
    const app =
      adapter === 'fastify' ? testing.createNestApplication(new FastifyAdapter()) : testing.createNestApplication();
    configure?.(app);
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    return new HttpApp(app, service, log, `http://127.0.0.1:${port}`);
  }

  fetch(path: string, { json, ...init }: RequestInit & { json?: unknown } = {}): Promise<Response> {
    if (json === undefined) return fetch(this.origin + path, init);
    const headers = { ...init.headers, 'Content-Type': 'application/json' };
    return fetch(this.origin + path, { ...init, headers, body: JSON.stringify(json) });
  }

  async close(): Promise<void> {
    // Open streams would hold it for ever.
    this.app.getHttpServer().closeAllConnections();
    await this.app.close();
  }
}

function collect(log: string[]): LoggerService {
  const write = (...parts: unknown[]) => {
    for (const part of parts) log.push(part instanceof Error ? `${part.stack}` : String(part));
  };
  return { log: write, error: write, warn: write, debug: write, verbose: write, fatal: write };
}
