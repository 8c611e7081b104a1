import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { type Notification, NotificationService } from '../../notifications/index.js';
import { Approval } from '../approvals/approval.entity.js';
import { APPROVAL_TEXTS } from '../approvals/approval.texts.js';
import { IMPORT_TEXTS } from '../contacts/import.texts.js';
import { Deal } from '../deals/deal.entity.js';
import { DEAL_TEXTS } from '../deals/deal.texts.js';
import { People, type Reader } from './people.service.js';

/** What came before the first visit: a deal of the samples, and who did what with it. Newcomers have no history. */
type Past = [what: 'assigned' | 'moved' | 'requested' | 'decided', deal: string, by: string] | [what: 'imported'];

/** Of each what has been read, then what has not. */
const SAMPLES: Record<string, { read: Past[]; unread: Past[] }> = {
  alice: {
    read: [['imported'], ['moved', 'Vineyard sensors', 'bob'], ['decided', 'Ferry ticketing', 'carol']],
    unread: [['requested', 'Help desk migration', 'bob']],
  },
  bob: {
    read: [['assigned', 'Help desk migration', 'alice']],
    unread: [['decided', 'Print fleet leasing', 'alice']],
  },
  carol: {
    read: [['requested', 'Ferry ticketing', 'alice']],
    unread: [['assigned', 'Quality audit 2026', 'alice']],
  },
  lilei: {
    read: [['moved', '门店会员系统', 'meimei']],
    unread: [['assigned', '供应商协同门户', 'meimei']],
  },
  meimei: {
    read: [['assigned', 'Data centre move', 'alice']],
    unread: [['requested', '智慧工厂一期', 'lilei']],
  },
};

@Injectable()
export class SampleHistory {
  constructor(
    private readonly dataSource: DataSource,
    private readonly notifications: NotificationService,
    private readonly people: People,
  ) {}

  /** Fills an inbox in which nothing has arrived yet. Two instances may do so at once: each message comes once. */
  async addTo(user: string): Promise<void> {
    const { read = [], unread = [] } = SAMPLES[user] ?? {};
    const [past, news] = [await this.notificationsOf(user, read), await this.notificationsOf(user, unread)];
    for (const [i, notification] of [...past, ...news].entries()) {
      await this.notifications.notify(user, notification, { idempotencyKey: `sample:${user}:${i}` });
    }
    if (past.length > 0) await this.notifications.markRead(user, { upTo: past.length });
  }

  private async notificationsOf(user: string, entries: Past[]): Promise<Notification[]> {
    const made = await Promise.all(entries.map((entry) => this.notificationOf(user, entry)));
    return made.filter((notification) => notification !== null);
  }

  /** @returns null in a database whose deals are not the samples. */
  private async notificationOf(user: string, [what, name = '', who = user]: Past): Promise<Notification | null> {
    const [to, by] = await this.people.readers([user, who]);
    if (what === 'imported') return imported(to);
    const deal = await this.dataSource.getRepository(Deal).findOneBy({ name });
    if (!deal) return null;
    const url = `/#deal-${deal.id}`;
    if (what === 'assigned') {
      const data = { dealId: deal.id, assignedBy: who };
      return { type: 'deal.assigned', ...DEAL_TEXTS[to.language].assigned(deal, by.name), url, data };
    }
    if (what === 'moved') {
      const text = DEAL_TEXTS[to.language].moved({ ...deal, stage: 'lead' }, deal.stage, by.name);
      const data = { dealId: deal.id, from: 'lead' as const, to: deal.stage, movedBy: who };
      return { type: 'deal.moved', ...text, url, data };
    }
    const approval = await this.dataSource.getRepository(Approval).findOneBy({ dealId: deal.id });
    return approval && (what === 'requested' ? requested(approval, deal, to, by) : decided(approval, deal, to, by));
  }
}

function imported(to: Reader): Notification {
  const contacts = 240;
  const text = IMPORT_TEXTS[to.language].finished(contacts);
  return { type: 'import.finished', ...text, url: '/#contacts', data: { importId: 'sample', contacts } };
}

function requested(approval: Approval, deal: Deal, to: Reader, by: Reader): Notification {
  return {
    type: 'approval.requested',
    ...APPROVAL_TEXTS[to.language].requested(approval, deal, by.name),
    url: `/#approval-${approval.id}`,
    data: { approvalId: approval.id, dealId: deal.id, requestedBy: by.id },
  };
}

function decided(approval: Approval, deal: Deal, to: Reader, by: Reader): Notification | null {
  const { status } = approval;
  if (status === 'pending') return null;
  return {
    type: 'approval.decided',
    ...APPROVAL_TEXTS[to.language][status](approval, deal, by.name),
    url: `/#approval-${approval.id}`,
    data: { approvalId: approval.id, dealId: deal.id, decision: status },
  };
}
