import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { NotificationsModule, type NotificationsOptions } from '../notifications/index.js';
import { AnnouncementsModule } from './announcements/announcements.module.js';
import { ContactsModule } from './contacts/contacts.module.js';
import { DealsModule } from './deals/deals.module.js';
import type { AccessTokens } from './login/access-tokens.js';
import { loginModule } from './login/login.module.js';
import { NotificationsErrorFilter } from './notifications-error.filter.js';

@Module({})
class AppModule {}

/** A small CRM. What notifications need of a host application is the one line that says so. */
export function appModule(
  dataSource: DataSource,
  tokens: AccessTokens,
  notifications: Pick<NotificationsOptions, 'broker' | 'schema'>,
): DynamicModule {
  return {
    module: AppModule,
    imports: [
      TypeOrmModule.forRootAsync({ useFactory: () => dataSource.options, dataSourceFactory: async () => dataSource }),
      NotificationsModule.forRoot({ jwt: tokens.jwt, ...notifications }),
      loginModule(tokens),
      DealsModule,
      ContactsModule,
      AnnouncementsModule,
    ],
    providers: [{ provide: APP_FILTER, useClass: NotificationsErrorFilter }],
  };
}
