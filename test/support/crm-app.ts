import type { INestApplication } from '@nestjs/common';
import { Logger, Module, type ModuleMetadata, type Type } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { TypeOrmModule, type TypeOrmModuleOptions } from '@nestjs/typeorm';
import { SignJWT } from 'jose';
import { DataSource, type DataSourceOptions } from 'typeorm';
import {
  NotificationService,
  NotificationsDataSource,
  type NotificationsExtras,
  NotificationsModule,
  type NotificationsOptions,
  ParkedNotifications,
  runNotificationsMigrations,
} from '../../src/notifications/index.js';
import { createTestDatabase, type TestDatabase, templateDatabase } from './database.js';

export const JWT_SECRET = 'a secret of the test suite, long enough';

/** A host application with notifications, listening on a port of its own. */
export interface CrmApp {
  readonly app: INestApplication;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly notifications: NotificationService;
  readonly parked: ParkedNotifications;
  /** The host's DataSource. */
  readonly dataSource: DataSource;
  /** The module's own DataSource. */
  readonly own: NotificationsDataSource;
  close(): Promise<void>;
}

export interface CrmAppOptions {
  notifications?: Partial<NotificationsOptions & NotificationsExtras>;
  dataSource?: Partial<DataSourceOptions>;
  imports?: ModuleMetadata['imports'];
  controllers?: Type<unknown>[];
  providers?: ModuleMetadata['providers'];
  /** @default Express */
  adapter?: AbstractHttpAdapter;
  /** To come back where an earlier one was. @default a free one */
  port?: number;
  configure?(app: INestApplication): void;
}

/** A database with the tables of the default schema, without the time that migrations take. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  await templateDatabase('migrated', (url) => runNotificationsMigrations({ type: 'postgres', url }));
  return await createTestDatabase({ template: 'migrated' });
}

/** Starts a host application over a database. */
export async function startCrmApp(database: { url: string }, options: CrmAppOptions = {}): Promise<CrmApp> {
  const host = { type: 'postgres', url: database.url, ...options.dataSource, autoLoadEntities: true, retryAttempts: 0 };

  @Module({
    imports: [
      TypeOrmModule.forRoot(host as TypeOrmModuleOptions),
      NotificationsModule.forRoot({ jwt: { secret: JWT_SECRET }, ...options.notifications }),
      ...(options.imports ?? []),
    ],
    controllers: options.controllers ?? [],
    providers: options.providers ?? [],
  })
  class CrmModule {}

  Logger.overrideLogger(['error', 'fatal']);
  const app = await NestFactory.create(CrmModule, options.adapter ?? new ExpressAdapter(), { abortOnError: false });
  options.configure?.(app);
  await app.listen(options.port ?? 0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    app,
    url,
    notifications: app.get(NotificationService),
    parked: app.get(ParkedNotifications),
    dataSource: app.get(DataSource),
    own: app.get(NotificationsDataSource),
    close: () => app.close(),
  };
}

/** An access token as the host would issue it. */
export async function accessToken(
  user: string,
  claims: Record<string, unknown> = {},
  expiresIn: string | number | Date = '1h',
): Promise<string> {
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(expiresIn)
    .sign(new TextEncoder().encode(JWT_SECRET));
}
