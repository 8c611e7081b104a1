import type { Deal } from '../deals/deal.entity.js';
import { formatMoney } from '../deals/money.js';
import type { InEveryLanguage } from '../people/language.js';
import type { Approval } from './approval.entity.js';

interface Text {
  title: string;
  body: string;
}

/** What the CRM writes about approvals. `by` is the name of who asked or decided. */
interface ApprovalTexts {
  requested(approval: Approval, deal: Deal, by: string): Text;
  approved(approval: Approval, deal: Deal, by: string): Text;
  rejected(approval: Approval, deal: Deal, by: string): Text;
}

export const APPROVAL_TEXTS: InEveryLanguage<ApprovalTexts> = {
  en: {
    requested: ({ amount, reason }, deal, by) => ({
      title: `${by} asks for ${formatMoney(amount, deal.currency, 'en')} off ${deal.name}`,
      body: reason,
    }),
    approved: ({ amount, note }, deal, by) => ({
      title: `${by} approved ${formatMoney(amount, deal.currency, 'en')} off ${deal.name}`,
      body: note ?? `You can send the new quote to ${deal.company}.`,
    }),
    rejected: ({ amount, note }, deal, by) => ({
      title: `${by} rejected ${formatMoney(amount, deal.currency, 'en')} off ${deal.name}`,
      body: note ?? 'The quote stays as it is.',
    }),
  },
  'zh-CN': {
    requested: ({ amount, reason }, deal, by) => ({
      title: `${by}申请为“${deal.name}”优惠${formatMoney(amount, deal.currency, 'zh-CN')}`,
      body: reason,
    }),
    approved: ({ amount, note }, deal, by) => ({
      title: `${by}批准了“${deal.name}”优惠${formatMoney(amount, deal.currency, 'zh-CN')}`,
      body: note ?? `可以把新报价发给${deal.company}了。`,
    }),
    rejected: ({ amount, note }, deal, by) => ({
      title: `${by}驳回了“${deal.name}”优惠${formatMoney(amount, deal.currency, 'zh-CN')}的申请`,
      body: note ?? '报价保持不变。',
    }),
  },
};
