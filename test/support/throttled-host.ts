import 'reflect-metadata';
import { Controller, Get, Module } from '@nestjs/common';
import { APP_GUARD, NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SkipThrottle, ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler';
import { DataSource } from 'typeorm';
import { NotificationsModule } from '../../src/notifications/index.js';

// A host with a global throttler, as a process of its own: Jest can't load the package, which is CommonJS and requires Nest.
// Arguments: the database's URL, the adapter, the throttlers, and whether they shall limit our controllers. Prints the
// statuses of five lists, five streams and three requests for what is the host's.
const [url = '', adapter = '', throttlers = '', isWanted = ''] = process.argv.slice(2);

@Controller('host')
class HostController {
  @Get()
  get(): string {
    return 'of the host';
  }
}

@Module({
  imports: [
    ThrottlerModule.forRoot(JSON.parse(throttlers)),
    NotificationsModule.forRoot({
      dataSource: new DataSource({ type: 'postgres', url }),
      authenticate: () => ({ recipient: 'gus' }),
      streamToken: { secret: 'a secret for stream tokens' },
      controllerDecorators: isWanted === 'wanted' ? [SkipThrottle({ default: false }) as ClassDecorator] : [],
    }),
  ],
  controllers: [HostController],
  providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
})
class HostModule {}

const app = await NestFactory.create(HostModule, adapter === 'fastify' ? new FastifyAdapter() : new ExpressAdapter(), {
  logger: ['error'],
});
await app.listen(0, '127.0.0.1');
const origin = await app.getUrl();

async function statusesOf(path: string, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const response = await fetch(`${origin}${path}`);
    statuses.push(response.status);
    await response.body?.cancel();
  }
  return statuses;
}

const lists = await statusesOf('/notifications', 5);
const streams = await statusesOf('/notifications/stream', 5);
const host = await statusesOf('/host', 3);
process.stdout.write(JSON.stringify({ lists, streams, host }));
await app.close();
