import type { Currency } from '../deals/money.js';
import type { Stage } from '../deals/stage.js';
import type { Language } from '../people/language.js';

/** What the CRM answers, as JSON has it. */

export interface Deal {
  id: number;
  name: string;
  company: string;
  stage: Stage;
  amount: number;
  currency: Currency;
  owner: string;
}

export interface Person {
  id: string;
  name: string;
  role: string | null;
  language: Language | null;
}

export interface Approval {
  id: number;
  dealId: number;
  requestedBy: string;
  approver: string;
  amount: number;
  reason: string;
  status: 'pending' | 'approved' | 'rejected';
  note: string | null;
  createdAt: string;
  decidedAt: string | null;
}

export interface Reminder {
  id: number;
  dealId: number;
  at: string;
  note: string | null;
}

export interface Contact {
  id: number;
  name: string;
  company: string;
  email: string;
}

export interface Contacts {
  total: number;
  items: Contact[];
}

export interface Lab {
  stream: { cut: boolean };
  broker: { stopped: boolean };
}
