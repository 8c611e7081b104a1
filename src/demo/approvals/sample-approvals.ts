import type { EntityManager } from 'typeorm';
import { Deal } from '../deals/deal.entity.js';
import { Approval, type Decision } from './approval.entity.js';

interface Sample {
  deal: string;
  requestedBy: string;
  approver: string;
  amount: number;
  reason: string;
  decision?: Decision;
  note?: string;
}

const SAMPLES: Sample[] = [
  {
    deal: 'Ferry ticketing',
    requestedBy: 'alice',
    approver: 'carol',
    amount: 6_000,
    reason: 'They pay the whole year in advance.',
    decision: 'approved',
    note: 'Fine with me, as long as the invoice goes out this month.',
  },
  {
    deal: 'Print fleet leasing',
    requestedBy: 'bob',
    approver: 'alice',
    amount: 4_500,
    reason: 'The competitor is cheaper by a third.',
    decision: 'rejected',
    note: 'Below cost. Let them go.',
  },
  {
    deal: 'Help desk migration',
    requestedBy: 'bob',
    approver: 'alice',
    amount: 3_500,
    reason: 'They sign this week if we cover the training days.',
  },
  {
    deal: '智慧工厂一期',
    requestedBy: 'lilei',
    approver: 'meimei',
    amount: 60_000,
    reason: '客户承诺二期也与我们签约，希望首期给予优惠。',
  },
];

/** Puts them beside the sample deals. */
export async function addSampleApprovals(manager: EntityManager): Promise<void> {
  const deals = await manager.find(Deal);
  await manager.insert(
    Approval,
    SAMPLES.map(({ deal, decision, ...rest }) => ({
      ...rest,
      dealId: deals.find(({ name }) => name === deal)?.id,
      status: decision ?? 'pending',
      decidedAt: decision ? new Date() : null,
    })),
  );
}
