import {
  BadRequestException,
  ConflictException,
  ForbiddenException,
  Injectable,
  NotFoundException,
} from '@nestjs/common';
import { DataSource, type FindOptionsWhere } from 'typeorm';
import { NotificationService } from '../../notifications/index.js';
import { Deal } from '../deals/deal.entity.js';
import { dealChanged } from '../deals/deal-changed.js';
import { lockDeal, noDeal } from '../deals/deals.service.js';
import { People } from '../people/people.service.js';
import { Approval, type Decision } from './approval.entity.js';
import { APPROVAL_TEXTS } from './approval.texts.js';

const LISTED = 100;

export interface Asked {
  approver: string;
  amount: number;
  reason: string;
}

/** Asking and deciding are one transaction each, with the notification that says so. */
@Injectable()
export class ApprovalsService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly notifications: NotificationService,
    private readonly people: People,
  ) {}

  /** The newest that a user asked for or is to decide. */
  async ofUser(user: string): Promise<Approval[]> {
    return await this.list([{ requestedBy: user }, { approver: user }]);
  }

  async ofDeal(dealId: number): Promise<Approval[]> {
    if (!(await this.dataSource.getRepository(Deal).existsBy({ id: dealId }))) throw noDeal(dealId);
    return await this.list({ dealId });
  }

  async ask(dealId: number, { approver, amount, reason }: Asked, requestedBy: string): Promise<Approval> {
    if (approver === requestedBy) throw new BadRequestException('Nobody approves what they ask for themselves.');
    const asked = await this.dataSource.transaction(async (manager) => {
      const deal = await lockDeal(manager, dealId);
      if (amount > deal.amount) {
        throw new BadRequestException(`"amount" must be at most ${deal.amount}, which the deal is worth.`);
      }
      if (await manager.existsBy(Approval, { dealId, status: 'pending' })) {
        throw new ConflictException('Somebody has asked for a discount on this deal already. Wait for the decision.');
      }
      const approval = await manager.save(manager.create(Approval, { dealId, requestedBy, approver, amount, reason }));
      const [to, by] = await this.people.readers([approver, requestedBy], manager);
      await this.notifications.notify(
        approver,
        {
          type: 'approval.requested',
          ...APPROVAL_TEXTS[to.language].requested(approval, deal, by.name),
          url: `/#approval-${approval.id}`,
          data: { approvalId: approval.id, dealId, requestedBy },
        },
        { manager },
      );
      return approval;
    });
    dealChanged(this.notifications, dealId, requestedBy);
    return asked;
  }

  async decide(id: number, decision: Decision, note: string | null, user: string): Promise<Approval> {
    const decided = await this.dataSource.transaction(async (manager) => {
      const approval = await manager.findOne(Approval, { where: { id }, lock: { mode: 'pessimistic_write' } });
      if (!approval) throw new NotFoundException(`There is no approval ${id}.`);
      if (approval.approver !== user) throw new ForbiddenException('Somebody else was asked to decide this.');
      if (approval.status !== 'pending') throw new ConflictException(`This has been ${approval.status} already.`);
      const changed = await manager.save(Object.assign(approval, { status: decision, note, decidedAt: new Date() }));
      const deal = await manager.findOneByOrFail(Deal, { id: approval.dealId });
      const [to, by] = await this.people.readers([approval.requestedBy, user], manager);
      await this.notifications.notify(
        approval.requestedBy,
        {
          type: 'approval.decided',
          ...APPROVAL_TEXTS[to.language][decision](changed, deal, by.name),
          url: `/#approval-${id}`,
          data: { approvalId: id, dealId: deal.id, decision },
        },
        { manager },
      );
      return changed;
    });
    dealChanged(this.notifications, decided.dealId, user);
    return decided;
  }

  private async list(where: FindOptionsWhere<Approval> | FindOptionsWhere<Approval>[]): Promise<Approval[]> {
    return await this.dataSource.getRepository(Approval).find({ where, order: { id: 'DESC' }, take: LISTED });
  }
}
