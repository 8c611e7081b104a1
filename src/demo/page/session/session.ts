import { createInbox, type Inbox, type InboxNotification, type InboxStatus } from '../../../client/index.js';
import type { Stage } from '../../deals/stage.js';
import type { Language } from '../../people/language.js';
import type { Approval, Contacts, Deal, Lab, Person, Reminder } from '../crm.types.js';
import type { Preferences } from '../preferences.js';
import { reasonOf } from '../words/reason.js';
import { WORDS } from '../words/words.js';
import { Api, ApiError } from './api.js';
import { Changes } from './changes.js';
import { ContactImport } from './contact-import.js';
import { Loaded } from './loaded.js';
import { Toasts } from './toasts.js';
import { Viewing } from './viewing.js';
import { Wire } from './wire.js';

const NO_LAB: Lab = { stream: { cut: false }, broker: { stopped: false } };

/** What somebody who is logged in sees of the CRM, kept up to date by their notifications and signals. */
export class Session {
  readonly changes = new Changes();
  readonly inbox: Inbox;
  readonly wire = new Wire(this.changes.tell);
  readonly toasts = new Toasts(this.changes.tell);
  readonly viewing: Viewing;
  readonly contactImport: ContactImport;
  readonly deals = this.loaded<Deal[]>([], () => this.items('/deals'));
  readonly people = this.loaded<Person[]>([], () => this.items('/people'));
  readonly approvals = this.loaded<Approval[]>([], () => this.items('/approvals'));
  readonly contacts = this.loaded<Contacts>({ total: 0, items: [] }, () => this.api.get('/contacts'));
  readonly lab = this.loaded<Lab>(NO_LAB, () => this.api.get('/lab'));
  /** Counts what others have changed, by the id of the deal. */
  readonly touched = new Map<number, number>();
  /** The deal that the user moved last, to say so to who can't see it. */
  moved: Deal | null = null;
  /** What went wrong last. */
  problem: string | null = null;

  private constructor(
    readonly user: string,
    readonly preferences: Preferences,
    private readonly api: Api,
    private readonly onEnd: (session: Session) => void,
  ) {
    this.viewing = new Viewing(api, this.changes.tell);
    this.contactImport = new ContactImport(api, this.changes.tell);
    const { EventSource } = this.wire;
    this.inbox = createInbox({ url: '/notifications', user, token: () => api.token, eventSource: EventSource });
    this.wire.follow(this.inbox);
    this.inbox.on('notification', (notification, { toast }) => this.arrived(notification, toast));
    this.inbox.on('signal', (signal) => this.heard(signal));
    this.inbox.on('error', (error) => {
      // Why there is no stream: the header shows that already.
      if (error !== this.inbox.getState().error) this.fail(error);
    });
    this.followStatus();
  }

  /** Logs in, and loads what there is to show. @param onEnd is called when the server no longer accepts the login. */
  static async open(user: string, preferences: Preferences, onEnd: (session: Session) => void): Promise<Session> {
    const session = new Session(user, preferences, await Api.login(user), onEnd);
    try {
      await Promise.all([session.settleLanguage(), session.people.reload(), session.reload()]);
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  close(): void {
    this.inbox.close();
    this.viewing.close();
    this.contactImport.close();
    this.toasts.close();
  }

  /** A person by the id; one who has never been there is called by it. */
  person(id: string): Person {
    return this.people.value.find((person) => person.id === id) ?? { id, name: id, role: null, language: null };
  }

  deal(id: number): Deal | undefined {
    return this.deals.value.find((deal) => deal.id === id);
  }

  /** Shows it at once; what the server refuses comes back with the next load. */
  async change(id: number, change: { stage: Stage } | { owner: string }): Promise<void> {
    this.deals.value = this.deals.value.map((deal) => (deal.id === id ? { ...deal, ...change } : deal));
    if ('stage' in change) this.moved = this.deal(id) ?? null;
    this.changes.tell();
    await this.attempt(() => this.api.post(`/deals/${id}/${'stage' in change ? 'move' : 'assign'}`, change));
    await this.attempt(() => this.deals.reload());
  }

  async ask(dealId: number, asked: { approver: string; amount: number; reason: string }): Promise<void> {
    await this.api.post(`/deals/${dealId}/approvals`, asked);
    await this.approvals.reload();
  }

  async decide(approval: Approval, verb: 'approve' | 'reject', note: string): Promise<void> {
    await this.attempt(() => this.api.post(`/approvals/${approval.id}/${verb}`, { note }));
    await this.attempt(() => this.approvals.reload());
  }

  async remind(dealId: number, at: Date, note: string): Promise<void> {
    await this.api.post(`/deals/${dealId}/reminders`, { at: at.toISOString(), note });
  }

  async announce(title: string): Promise<void> {
    await this.api.post('/announcements', { title });
  }

  async switch(name: 'stream' | 'broker', isOff: boolean): Promise<void> {
    const body = name === 'stream' ? { cut: isOff } : { stopped: isOff };
    await this.attempt(async () => {
      this.lab.value = await this.api.post<Lab>(`/lab/${name}`, body);
    });
    this.changes.tell();
    // What is mended shall not have to wait for the next attempt.
    if (!isOff) this.inbox.open();
  }

  async speak(language: Language): Promise<void> {
    this.preferences.choose(language);
    await this.attempt(() => this.api.post('/me', { language }));
  }

  async approvalsOf(dealId: number): Promise<Approval[]> {
    return await this.items(`/deals/${dealId}/approvals`);
  }

  async remindersOf(dealId: number): Promise<Reminder[]> {
    return await this.items(`/deals/${dealId}/reminders`);
  }

  async contactsOf(company: string): Promise<Contacts> {
    return await this.api.get(`/contacts?company=${encodeURIComponent(company)}`);
  }

  /** The same for what the user has just asked for: what went wrong before is over. */
  async attemptAnew(action: () => Promise<unknown>): Promise<void> {
    this.forgive();
    await this.attempt(action);
  }

  /** Says what went wrong, if anything does. */
  async attempt(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  fail(error: Error): void {
    if (error instanceof ApiError && error.status === 401) {
      this.onEnd(this);
      return;
    }
    this.problem = reasonOf(error, WORDS[this.preferences.language]);
    this.changes.tell();
  }

  forgive(): void {
    this.problem = null;
    this.changes.tell();
  }

  private async reload(): Promise<void> {
    const all = [this.deals, this.approvals, this.contacts, this.lab];
    await Promise.all(all.map((one) => one.reload()));
  }

  /** Who has never chosen gets what the browser speaks, and so do the texts that the server writes to them. */
  private async settleLanguage(): Promise<void> {
    const { language } = await this.api.get<Person>('/me');
    if (language) this.preferences.speak(language);
    else await this.api.post('/me', { language: this.preferences.language });
  }

  private followStatus(): void {
    let last = this.inbox.getState().status;
    this.inbox.subscribe(({ status }) => {
      const before = last;
      last = status;
      if (status !== before) this.statusChanged(status);
      this.changes.tell();
    });
  }

  private statusChanged(now: InboxStatus): void {
    if (now === 'signed-out') this.onEnd(this);
    // Perhaps by the switch, in another tab.
    if (now === 'reconnecting') void this.lab.reload().catch(() => {});
    if (now !== 'live') return;
    // What went wrong on the way is over; and signals that were missed are missed for good.
    this.problem = null;
    void this.attempt(() => this.reload());
  }

  private arrived(notification: InboxNotification, toast: boolean): void {
    if (toast) this.toasts.add(notification);
    const { type } = notification;
    const data = notification.data as { importId: string };
    if (type === 'import.finished' || type === 'import.failed') {
      this.contactImport.ended(data.importId);
      void this.attempt(() => this.contacts.reload());
    }
    // Its signal may have been lost.
    if (type.startsWith('deal.')) void this.attempt(() => this.deals.reload());
    if (type.startsWith('approval.')) void this.attempt(() => this.approvals.reload());
  }

  private heard({ type, data }: { type: string; data: unknown }): void {
    if (type === 'deal.viewing') this.viewing.seen(data as Parameters<Viewing['seen']>[0]);
    if (type === 'import.progress') this.contactImport.advanced(data as Parameters<ContactImport['advanced']>[0]);
    if (type === 'lab.changed') void this.attempt(() => this.lab.reload());
    if (type === 'me.changed') this.preferences.speak((data as { language: Language }).language);
    if (type === 'deal.changed') this.dealChanged(data as { dealId: number; by: string });
  }

  private dealChanged({ dealId, by }: { dealId: number; by: string }): void {
    if (by !== this.user) this.touched.set(dealId, (this.touched.get(dealId) ?? 0) + 1);
    const isKnown = this.people.value.some(({ id }) => id === by);
    const stale = isKnown ? [this.deals, this.approvals] : [this.deals, this.approvals, this.people];
    void this.attempt(() => Promise.all(stale.map((one) => one.reload())));
  }

  private loaded<T>(value: T, load: () => Promise<T>): Loaded<T> {
    return new Loaded(value, load, this.changes.tell);
  }

  private async items<T>(path: string): Promise<T[]> {
    return (await this.api.get<{ items: T[] }>(path)).items;
  }
}
