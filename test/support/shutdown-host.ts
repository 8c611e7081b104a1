import 'reflect-metadata';
import { Body, Controller, HttpException, Inject, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { TypeOrmModule } from '@nestjs/typeorm';
import { NotificationService, NotificationsModule } from '../../src/notifications/index.js';

// A host with Nest's defaults, as a process of its own. Arguments: the URL of its database, the one of the module's, the
// adapter. Prints the address that it listens on, then a line for each request.
const [hostUrl = '', url = '', adapter = ''] = process.argv.slice(2);
const { DataSource } = await import('typeorm');

@Controller()
class SendController {
  constructor(@Inject(NotificationService) private readonly notifications: NotificationService) {}

  /** Answers what became of it: a code, if it was refused. */
  @Post('send')
  async send(@Body() { to }: { to: string }): Promise<unknown> {
    return await this.notifications.notify(to, { type: 't', title: 'T' }).catch(({ code }) => {
      throw new HttpException({ code }, 503);
    });
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: hostUrl }),
    NotificationsModule.forRoot({
      dataSource: new DataSource({ type: 'postgres', url }),
      autoMigrate: false,
      authenticate: ({ headers }) => ({ recipient: String(headers['x-user']) }),
      streamToken: { secret: 'a secret of the test suite' },
    }),
  ],
  controllers: [SendController],
})
class HostModule {}

// Whoever started us is gone.
process.stdin.resume().once('close', () => process.exit(1));
const app = await NestFactory.create(HostModule, adapter === 'fastify' ? new FastifyAdapter() : new ExpressAdapter(), {
  logger: ['error'],
});
app.use((_request: unknown, _response: unknown, next: () => void) => {
  process.stdout.write('request\n');
  next();
});
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
process.stdout.write(`${await app.getUrl()}\n`);
