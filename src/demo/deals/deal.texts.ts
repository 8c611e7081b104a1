import type { InEveryLanguage } from '../people/language.js';
import type { Deal } from './deal.entity.js';
import { STAGE_NAMES, type Stage } from './stage.js';

interface Text {
  title: string;
  body: string;
}

/** What the CRM writes about deals. `by` is the name of who did it. */
interface DealTexts {
  assigned(deal: Deal, by: string): Text;
  moved(deal: Deal, to: Stage, by: string): Text;
}

export const DEAL_TEXTS: InEveryLanguage<DealTexts> = {
  en: {
    assigned: (deal, by) => ({
      title: `${deal.name} is yours now`,
      body: `${by} assigned the deal with ${deal.company} to you.`,
    }),
    moved: (deal, to, by) => ({
      title: `${deal.name} is in ${STAGE_NAMES.en[to]} now`,
      body: `${by} moved your deal with ${deal.company} there from ${STAGE_NAMES.en[deal.stage]}.`,
    }),
  },
  'zh-CN': {
    assigned: (deal, by) => ({
      title: `“${deal.name}”现在由你负责`,
      body: `${by}把${deal.company}的这笔商机分配给了你。`,
    }),
    moved: (deal, to, by) => ({
      title: `“${deal.name}”已进入“${STAGE_NAMES['zh-CN'][to]}”阶段`,
      body: `${by}将你负责的${deal.company}商机从“${STAGE_NAMES['zh-CN'][deal.stage]}”移到了这里。`,
    }),
  },
};
