import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { type BrokerFactory, NotificationsModule } from '../notifications/index.js';
import { AnnouncementsModule } from './announcements/announcements.module.js';
import { ApprovalsModule } from './approvals/approvals.module.js';
import { ContactsModule } from './contacts/contacts.module.js';
import { DealsModule } from './deals/deals.module.js';
import { BrokerSwitch } from './lab/broker-switch.js';
import { labModule } from './lab/lab.module.js';
import type { AccessTokens } from './login/access-tokens.js';
import { loginModule } from './login/login.module.js';
import { NotificationsErrorFilter } from './notifications-error.filter.js';
import { PeopleModule } from './people/people.module.js';
import { RemindersModule } from './reminders/reminders.module.js';

export interface AppOptions {
  dataSource: DataSource;
  tokens: AccessTokens;
  broker: BrokerFactory;
  /** Of the notifications. */
  schema?: string;
}

@Module({})
class AppModule {}

/** A small CRM. What notifications need of a host application is the one line that says so. */
export function appModule({ dataSource, tokens, broker, schema }: AppOptions): DynamicModule {
  const brokerSwitch = new BrokerSwitch();
  return {
    module: AppModule,
    imports: [
      TypeOrmModule.forRootAsync({ useFactory: () => dataSource.options, dataSourceFactory: async () => dataSource }),
      // The lab's switch cuts streams by the sockets of their requests, which are not theirs any more with 'socket'.
      NotificationsModule.forRoot({ jwt: tokens.jwt, broker: brokerSwitch.of(broker), schema, streamWriter: 'nest' }),
      loginModule(tokens),
      PeopleModule,
      DealsModule,
      ApprovalsModule,
      RemindersModule,
      ContactsModule,
      AnnouncementsModule,
      labModule(brokerSwitch),
    ],
    providers: [{ provide: APP_FILTER, useClass: NotificationsErrorFilter }],
  };
}
