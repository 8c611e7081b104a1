import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { NotificationService } from '../../notifications/index.js';
import { SampleHistory } from './sample-history.js';
import { COLLEAGUES } from './sample-people.js';

/** Announcements reach whoever has an inbox; a colleague has one from the start, not from the first visit. */
@Injectable()
export class Inboxes implements OnApplicationBootstrap {
  constructor(
    private readonly notifications: NotificationService,
    private readonly history: SampleHistory,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all(COLLEAGUES.map((user) => this.prepare(user)));
  }

  async open(user: string): Promise<void> {
    await this.notifications.unreadCount(user);
  }

  private async prepare(user: string): Promise<void> {
    const { lastId } = await this.notifications.unreadCount(user);
    if (lastId === 0) await this.history.addTo(user);
  }
}
