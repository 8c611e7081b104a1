import { Body, Controller, Inject, Post } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotificationService, type NotifyResult } from '../../../src/notifications/index.js';
import { startCrmApp } from '../../support/crm-app.js';

/** Sends to whom the request names, by itself or in a transaction. */
@Controller()
class SmallController {
  constructor(
    @Inject(NotificationService) private readonly notifications: NotificationService,
    @Inject(DataSource) private readonly dataSource: DataSource,
  ) {}

  @Post('send')
  send(@Body() { to, title }: { to: string; title: string }): Promise<NotifyResult> {
    return this.notifications.notify(to, { type: 't', title });
  }

  @Post('send-in-transaction')
  async sendInTransaction(@Body() { to, title }: { to: string; title: string }): Promise<NotifyResult> {
    return await this.dataSource.transaction((manager) =>
      this.notifications.notify(to, { type: 't', title }, { manager }),
    );
  }
}

// A process of its own: prints the version of Node and its address, and ends by SIGTERM.
const crm = await startCrmApp(
  { url: process.env.DATABASE_URL as string },
  { controllers: [SmallController], configure: (app) => app.enableShutdownHooks() },
);
process.stdout.write(`${process.versions.node} ${crm.url}\n`);
