import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { lockName } from '../../src/notifications/inbox/database.js';
import { type Inbox, nameOf } from './client.js';
import { WITHOUT_TIMEOUTS } from './database-timeouts.js';
import type { Operation } from './ledger.js';

/** Another program on the database that holds for seconds what we need. */
export class ForeignLocks {
  /** Inboxes that are held, as often as they are. */
  private readonly held = new Map<string, number>();

  /** @param over ends what is held. */
  constructor(
    private readonly url: string,
    private readonly over: AbortSignal,
  ) {}

  /** Whoever is told this must wait, and nobody else. */
  isHeld({ tenant, to }: Operation): boolean {
    for (const name of this.held.keys()) {
      const [of, recipient = ''] = name.split('/');
      if (of === tenant && (to === null || to.has(recipient))) return true;
    }
    return false;
  }

  /** Locks the rows of these inboxes, as a transaction that has changed them and doesn't end. */
  async holdInboxes(inboxes: readonly Inbox[], forMs: number): Promise<void> {
    const names = inboxes.map(nameOf);
    for (const name of names) this.held.set(name, (this.held.get(name) ?? 0) + 1);
    try {
      await this.hold(forMs, async (client) => {
        await client.query('BEGIN');
        await client.query(
          `SELECT FROM notifications.inbox i
           JOIN unnest($1::text[], $2::text[]) h(tenant_id, recipient_id) USING (tenant_id, recipient_id)
           ORDER BY i.tenant_id, i.recipient_id FOR UPDATE OF i`,
          [inboxes.map(({ tenant }) => tenant), inboxes.map(({ recipient }) => recipient)],
        );
      });
    } finally {
      for (const name of names) {
        const left = (this.held.get(name) ?? 1) - 1;
        if (left > 0) this.held.set(name, left);
        else this.held.delete(name);
      }
    }
  }

  /** Takes the advisory lock by which relays take turns, which any role may. */
  async holdLeadership(forMs: number): Promise<void> {
    await this.hold(forMs, async (client) => {
      const lock = 'SELECT pg_advisory_lock(hashtextextended(current_database() || $1, 0))';
      await client.query(lock, [lockName('notifications', 'relay')]);
    });
  }

  /** In a session of its own, which may be terminated meanwhile. */
  private async hold(forMs: number, lock: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client({
      ...{ connectionString: this.url, application_name: 'chaos neighbour', connectionTimeoutMillis: 5_000 },
      options: WITHOUT_TIMEOUTS,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await lock(client);
      await sleep(forMs, undefined, { signal: this.over });
    } catch {
      // Postgres is down, or has ended the session; or the run is over.
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
