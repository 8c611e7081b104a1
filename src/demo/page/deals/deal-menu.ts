import { STAGE_NAMES, STAGES } from '../../deals/stage.js';
import type { Language } from '../../people/language.js';
import type { Deal } from '../crm.types.js';
import type { Session } from '../session/session.js';
import { avatar } from '../ui/avatar.js';
import type { MenuGroup } from '../ui/menu.js';
import { WORDS } from '../words/words.js';

/** Where a deal can go, and whom it can go to: all that dragging does, and more, for keyboards and fingers. */
export function dealMenu(deal: Deal, session: Session, language: Language): MenuGroup[] {
  return [stageMenu(deal, session, language), ownerMenu(deal, session, language)];
}

export function stageMenu(deal: Deal, session: Session, language: Language): MenuGroup {
  return {
    title: WORDS[language].board.moveTo,
    items: STAGES.map((stage) => ({
      label: STAGE_NAMES[language][stage],
      isChosen: deal.stage === stage,
      run: () => {
        if (deal.stage !== stage) void session.change(deal.id, { stage });
      },
    })),
  };
}

export function ownerMenu(deal: Deal, session: Session, language: Language): MenuGroup {
  return {
    title: WORDS[language].board.assignTo,
    items: session.people.value.map((person) => ({
      label: person.name,
      icon: avatar(person),
      isChosen: deal.owner === person.id,
      run: () => {
        if (deal.owner !== person.id) void session.change(deal.id, { owner: person.id });
      },
    })),
  };
}
