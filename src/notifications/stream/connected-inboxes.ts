import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import type { ConnectedInbox } from './connected-inbox.js';

/** The inboxes that have connections on this instance, by recipient and by tenant. */
export class ConnectedInboxes {
  private readonly byName = new Map<string, ConnectedInbox>();
  private readonly byTenant = new Map<string, Set<ConnectedInbox>>();

  get size(): number {
    return this.byName.size;
  }

  get(key: InboxKey): ConnectedInbox | undefined {
    return this.byName.get(nameOf(key));
  }

  add(inbox: ConnectedInbox): void {
    const { tenant } = inbox.key;
    this.byName.set(nameOf(inbox.key), inbox);
    const neighbours = this.byTenant.get(tenant);
    if (neighbours) neighbours.add(inbox);
    else this.byTenant.set(tenant, new Set([inbox]));
  }

  delete(inbox: ConnectedInbox): void {
    const { tenant } = inbox.key;
    const neighbours = this.byTenant.get(tenant);
    if (!neighbours?.delete(inbox)) return;
    if (neighbours.size === 0) this.byTenant.delete(tenant);
    this.byName.delete(nameOf(inbox.key));
  }

  all(): ConnectedInbox[] {
    return [...this.byName.values()];
  }

  ofTenant(tenant: string): ConnectedInbox[] {
    return [...(this.byTenant.get(tenant) ?? [])];
  }

  hasTenant(tenant: string): boolean {
    return this.byTenant.has(tenant);
  }
}
