import { Injectable, NotFoundException } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotificationService } from '../../notifications/index.js';
import { Deal } from './deal.entity.js';

@Injectable()
export class DealsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly notifications: NotificationService,
  ) {}

  async list(): Promise<Deal[]> {
    return await this.dataSource.getRepository(Deal).find({ order: { id: 'ASC' } });
  }

  /**
   * Tells everybody who is looking at a deal, and who no longer is. Nobody keeps that: a window says so again every few
   * seconds, which is how late comers learn of it, and one that has fallen silent is forgotten by the others.
   *
   * @param view names the window; the same user may have several.
   */
  async view(id: number, user: string, view: string, isOpen: boolean): Promise<void> {
    if (!(await this.dataSource.getRepository(Deal).existsBy({ id }))) throw noDeal(id);
    this.notifications.signalAll('deal.viewing', { dealId: id, user, view, isOpen });
  }

  /** Hands a deal over. The new owner is told if, and only if, the change commits: both are one transaction. */
  async assign(id: number, owner: string, assignedBy: string): Promise<Deal> {
    return await this.dataSource.transaction(async (manager) => {
      const deal = await manager.findOne(Deal, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (!deal) throw noDeal(id);
      await manager.update(Deal, id, { owner });
      await this.notifications.notify(
        owner,
        {
          type: 'deal.assigned',
          title: `${deal.name} is yours now`,
          body: `${assignedBy} assigned the deal with ${deal.company} to you.`,
          url: `/#deal-${id}`,
          data: { dealId: id, assignedBy },
        },
        { manager },
      );
      return { ...deal, owner };
    });
  }
}

function noDeal(id: number): NotFoundException {
  return new NotFoundException(`There is no deal ${id}.`);
}
