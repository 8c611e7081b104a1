import { Controller, Get, Module, Query } from '@nestjs/common';
import { listenWithNest } from './nest-host.js';
import { controlPolled, unreadCounts } from './polled.js';

// What polling for the badge costs a Nest host: no guard, no query, the count from a map.
const counts = unreadCounts();

@Controller()
class UnreadCountController {
  @Get('unread-count')
  unreadCount(@Query('user') user: string): { unread: number } {
    return { unread: counts.get(Number(user)) ?? 0 };
  }
}

@Module({ controllers: [UnreadCountController] })
class PollingModule {}

const { server } = await listenWithNest(PollingModule);
controlPolled(server);
