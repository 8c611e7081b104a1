import { Injectable } from '@nestjs/common';
import { NotificationService, type NotifyResult } from '../../notifications/index.js';

@Injectable()
export class AnnouncementsService {
  constructor(private readonly notifications: NotificationService) {}

  /** Tells everybody. @param from who says it; null for the terminal. */
  async announce(title: string, { from, body }: { from: string | null; body?: string }): Promise<NotifyResult> {
    return await this.notifications.broadcast({ type: 'announcement', title, body, data: { from } });
  }
}
