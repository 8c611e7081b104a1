import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { NotificationService } from '../../notifications/index.js';
import { COLLEAGUES } from './user-name.js';

/** Announcements reach whoever has an inbox; a colleague has one from the start, not from the first visit. */
@Injectable()
export class Inboxes implements OnApplicationBootstrap {
  constructor(private readonly notifications: NotificationService) {}

  async onApplicationBootstrap(): Promise<void> {
    await Promise.all(COLLEAGUES.map((user) => this.open(user)));
  }

  async open(user: string): Promise<void> {
    await this.notifications.unreadCount(user);
  }
}
