import type { InEveryLanguage } from '../people/language.js';

/** The stages of a sale, as the board shows them from left to right. */
export const STAGES = ['lead', 'qualified', 'proposal', 'negotiation', 'won', 'lost'] as const;

export type Stage = (typeof STAGES)[number];

export const STAGE_NAMES: InEveryLanguage<Record<Stage, string>> = {
  en: {
    lead: 'Lead',
    qualified: 'Qualified',
    proposal: 'Proposal',
    negotiation: 'Negotiation',
    won: 'Won',
    lost: 'Lost',
  },
  'zh-CN': {
    lead: '线索',
    qualified: '已确认',
    proposal: '方案报价',
    negotiation: '商务谈判',
    won: '赢单',
    lost: '输单',
  },
};

export function isStage(value: unknown): value is Stage {
  return STAGES.includes(value as Stage);
}
