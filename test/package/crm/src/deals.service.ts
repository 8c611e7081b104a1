import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { NotificationService, type NotifyResult } from 'nestjs-crm-notifications';
import { DataSource } from 'typeorm';
import { Deal } from './deal.js';

@Injectable()
export class DealsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    // Without @Inject: as hosts write it, by the metadata of their own build.
    private readonly notifications: NotificationService,
  ) {}

  async assign(id: string, ownerId: string): Promise<NotifyResult> {
    return await this.dataSource.transaction(async (manager) => {
      await manager.save(Deal, { id, ownerId });
      const result = await this.notifications.notify(
        ownerId,
        { type: 'deal.assigned', title: `${id} is yours now`, url: `/deals/${id}`, data: { dealId: id } },
        { manager },
      );
      if (id === 'locked') throw new Error('This deal can never be assigned.');
      return result;
    });
  }

  async remind(id: string): Promise<NotifyResult> {
    const { ownerId } = await this.dataSource.getRepository(Deal).findOneByOrFail({ id });
    return await this.notifications.notify(ownerId, {
      type: 'deal.assigned',
      title: `${id} is waiting`,
      data: { dealId: id },
    });
  }

  async announce(title: string): Promise<NotifyResult> {
    return await this.notifications.broadcast({ type: 'announcement', title });
  }
}
