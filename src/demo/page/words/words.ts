import type { InboxStatus } from '../../../client/index.js';
import type { InEveryLanguage, Language } from '../../people/language.js';
import { en } from './en.js';
import { zhCN } from './zh-cn.js';

/** All that the page says by itself. Names of languages are in their own. */
export interface Words {
  app: {
    deals: string;
    approvals: string;
    contacts: string;
    toDecide(count: number): string;
    skip: string;
    announce: string;
    wire: string;
    otherLanguage: { language: Language; name: string };
    dark: string;
    light: string;
    account(name: string): string;
    leave: string;
    sideBySide: string;
    close: string;
    cancel: string;
    loggedOut: string;
    unreachable: string;
    /** What the server said when it refused something. */
    refused(message: string): string;
    sections: string;
  };
  login: {
    title: string;
    hint: string;
    colleagues: string;
    somebodyElse: string;
    somebodyElseHint: string;
    enter: string;
    sideBySide: string;
    sideBySideHint: string;
  };
  roles: Record<string, string>;
  board: {
    everyone: string;
    mine: string;
    show: string;
    hint: string;
    empty: string;
    deals(count: number): string;
    menu(deal: string): string;
    moveTo: string;
    assignTo: string;
    owner(name: string): string;
    looking(names: string): string;
    pending: string;
    moved(deal: string, stage: string): string;
  };
  deal: {
    stage: string;
    owner: string;
    amount: string;
    people: string;
    noContacts: string;
    looking: string;
    missing: string;
    back: string;
  };
  approval: {
    title: string;
    none: string;
    noneAtAll: string;
    noneAtAllHint: string;
    ask: string;
    approver: string;
    discount(currency: string): string;
    reason: string;
    reasonHint: string;
    send: string;
    waitingForYou: string;
    others: string;
    status: Record<'pending' | 'approved' | 'rejected', string>;
    asked(name: string, approver: string): string;
    note: string;
    approve: string;
    reject: string;
    off(amount: string): string;
  };
  reminder: {
    title: string;
    hint: string;
    inSeconds: string;
    inAnHour: string;
    tomorrow: string;
    choose: string;
    at: string;
    note: string;
    set: string;
    ahead(when: string): string;
  };
  contacts: {
    total(count: string): string;
    importTitle: string;
    importHint: string;
    sample: string;
    file: string;
    progress: string;
    done(done: string, total: string): string;
    name: string;
    company: string;
    email: string;
    newest: string;
  };
  announcement: { title: string; hint: string; text: string; example: string; send: string };
  toasts: { title: string; dismiss(title: string): string };
  lab: {
    title: string;
    status: Record<InboxStatus, string>;
    stream: string;
    streamHint: string;
    broker: string;
    brokerHint: string;
    pings: string;
    pause: string;
    resume: string;
    held(count: number): string;
    clear: string;
    empty: string;
    frames: string;
    close: string;
    streamIsCut: string;
    brokerIsStopped: string;
  };
  sideBySide: { title: string; left: string; right: string; frame(name: string): string; back: string };
}

export const WORDS: InEveryLanguage<Words> = { en, 'zh-CN': zhCN };
