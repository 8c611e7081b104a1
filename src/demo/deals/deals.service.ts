import { Injectable, NotFoundException } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { NotificationService } from '../../notifications/index.js';
import { People } from '../people/people.service.js';
import { Deal } from './deal.entity.js';
import { DEAL_TEXTS } from './deal.texts.js';
import { dealChanged } from './deal-changed.js';
import type { Stage } from './stage.js';

@Injectable()
export class DealsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly notifications: NotificationService,
    private readonly people: People,
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
    return await this.change(id, assignedBy, async (deal, manager) => {
      await manager.update(Deal, id, { owner });
      const [to, by] = await this.people.readers([owner, assignedBy], manager);
      await this.notifications.notify(
        owner,
        {
          type: 'deal.assigned',
          ...DEAL_TEXTS[to.language].assigned(deal, by.name),
          url: `/#deal-${id}`,
          data: { dealId: id, assignedBy },
        },
        { manager },
      );
      return { ...deal, owner };
    });
  }

  /** Moves a deal on the board. Its owner is told, in the same transaction, if somebody else did it. */
  async move(id: number, stage: Stage, movedBy: string): Promise<Deal> {
    return await this.change(id, movedBy, async (deal, manager) => {
      if (deal.stage === stage) return deal;
      await manager.update(Deal, id, { stage });
      if (deal.owner !== movedBy) {
        const [to, by] = await this.people.readers([deal.owner, movedBy], manager);
        await this.notifications.notify(
          deal.owner,
          {
            type: 'deal.moved',
            ...DEAL_TEXTS[to.language].moved(deal, stage, by.name),
            url: `/#deal-${id}`,
            data: { dealId: id, from: deal.stage, to: stage, movedBy },
          },
          { manager },
        );
      }
      return { ...deal, stage };
    });
  }

  private async change(
    id: number,
    by: string,
    work: (deal: Deal, manager: EntityManager) => Promise<Deal>,
  ): Promise<Deal> {
    const changed = await this.dataSource.transaction(async (manager) => work(await lockDeal(manager, id), manager));
    dealChanged(this.notifications, id, by);
    return changed;
  }
}

/** A deal that nobody else can change until the transaction ends. @throws {NotFoundException} */
export async function lockDeal(manager: EntityManager, id: number): Promise<Deal> {
  const deal = await manager.findOne(Deal, { where: { id }, lock: { mode: 'pessimistic_write' } });
  if (!deal) throw noDeal(id);
  return deal;
}

export function noDeal(id: number): NotFoundException {
  return new NotFoundException(`There is no deal ${id}.`);
}
