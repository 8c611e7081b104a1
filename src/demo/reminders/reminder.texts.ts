import type { Deal } from '../deals/deal.entity.js';
import type { InEveryLanguage } from '../people/language.js';

interface ReminderTexts {
  due(deal: Deal, note: string | null): { title: string; body: string };
}

export const REMINDER_TEXTS: InEveryLanguage<ReminderTexts> = {
  en: {
    due: (deal, note) => ({
      title: `Follow up on ${deal.name}`,
      body: note ?? `You wanted to get back to ${deal.company}.`,
    }),
  },
  'zh-CN': {
    due: (deal, note) => ({ title: `该跟进“${deal.name}”了`, body: note ?? `你计划此时联系${deal.company}。` }),
  },
};
