import { Injectable } from '@nestjs/common';
import { DataSource, MoreThan } from 'typeorm';
import { NotificationService } from '../../notifications/index.js';
import { Deal } from '../deals/deal.entity.js';
import { noDeal } from '../deals/deals.service.js';
import { People } from '../people/people.service.js';
import { Reminder } from './reminder.entity.js';
import { REMINDER_TEXTS } from './reminder.texts.js';

@Injectable()
export class RemindersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly notifications: NotificationService,
    private readonly people: People,
  ) {}

  /** Those of a user that are still to come. */
  async ahead(dealId: number, user: string): Promise<Reminder[]> {
    if (!(await this.dataSource.getRepository(Deal).existsBy({ id: dealId }))) throw noDeal(dealId);
    const where = { dealId, user, at: MoreThan(new Date()) };
    return await this.dataSource.getRepository(Reminder).find({ where, order: { at: 'ASC', id: 'ASC' }, take: 20 });
  }

  /** From the commit on it comes, whatever becomes of this process: the library keeps it until its time. */
  async remind(user: string, dealId: number, at: Date, note: string | null): Promise<Reminder> {
    return await this.dataSource.transaction(async (manager) => {
      const deal = await manager.findOneBy(Deal, { id: dealId });
      if (!deal) throw noDeal(dealId);
      const reminder = await manager.save(manager.create(Reminder, { user, dealId, at, note }));
      const [to] = await this.people.readers([user], manager);
      await this.notifications.notify(
        user,
        {
          type: 'reminder.due',
          ...REMINDER_TEXTS[to.language].due(deal, note),
          url: `/#deal-${dealId}`,
          data: { reminderId: reminder.id, dealId },
        },
        { manager, deliverAt: at },
      );
      return reminder;
    });
  }
}
