import type { InboxStore } from '../inbox/inbox.store.js';
import { nameOf } from '../inbox-name.js';
import { Periodic } from '../periodic.js';
import type { ConnectedInbox } from './connected-inbox.js';
import type { ConnectedInboxes } from './connected-inboxes.js';

/** A statement that puts a broadcast into so many inboxes locks them for about 100 ms. */
const INBOXES_PER_STATEMENT = 5_000;
/** Broadcasts and gaps that come more closely share a look: a flood of them costs ten cheap statements a second. */
const REST_MS = 100;
/** The first and the longest pause before what failed, or was locked by somebody else, is looked at again. */
const RETRY_MS = 100;
const MAX_RETRY_MS = 1_000;

/**
 * Looks at connected inboxes: at all of them every `sweepMs` and after a gap, and at those of a tenant that had a broadcast.
 * One look at a time; whatever is asked for meanwhile makes up the next one. A look that finds nothing is one statement
 * that locks nothing, and reads no inbox but those that are being read for the first time.
 */
export class Sweeper {
  private readonly looks: Periodic;
  private readonly tenants = new Set<string>();
  private hasGap = false;
  private sweepAt: number;
  private retryMs = 0;

  /** @param onError is told of looks that fail; they are repeated. */
  constructor(
    private readonly store: InboxStore,
    private readonly inboxes: ConnectedInboxes,
    private readonly sweepMs: number,
    private readonly onError: (error: unknown) => void,
  ) {
    this.sweepAt = performance.now() + sweepMs;
    this.looks = new Periodic(sweepMs, () => this.look(), onError, REST_MS);
    this.looks.start();
  }

  /** Hints may have been lost. */
  onGap(): void {
    this.hasGap = true;
    this.looks.wake();
  }

  /** There may be a new broadcast for this tenant. */
  onBroadcast(tenant: string): void {
    if (!this.inboxes.hasTenant(tenant)) return;
    this.tenants.add(tenant);
    this.looks.wake();
  }

  async close(): Promise<void> {
    await this.looks.close();
  }

  /** @returns in how many milliseconds to look next. */
  private async look(): Promise<number> {
    const all = this.hasGap || performance.now() >= this.sweepAt;
    const tenants = [...this.tenants].filter((tenant) => this.inboxes.hasTenant(tenant));
    this.hasGap = false;
    this.tenants.clear();
    const inboxes = all ? this.inboxes.all() : tenants.flatMap((tenant) => this.inboxes.ofTenant(tenant));
    let isDone = false;
    try {
      // What is being read for the first time may have been read too early.
      for (const inbox of inboxes) if (!inbox.newest) inbox.refresh();
      isDone = await this.lookAt(inboxes);
      if (all) this.sweepAt = performance.now() + this.sweepMs;
    } catch (error) {
      this.onError(error);
      this.hasGap ||= all;
      for (const tenant of tenants) this.tenants.add(tenant);
    }
    this.retryMs = isDone ? 0 : Math.min(MAX_RETRY_MS, this.retryMs * 2 || RETRY_MS);
    return this.retryMs || Math.max(0, this.sweepAt - performance.now());
  }

  /** @returns whether nothing is left to be looked at again soon. */
  private async lookAt(inboxes: readonly ConnectedInbox[]): Promise<boolean> {
    let isDone = true;
    const known = inboxes.flatMap((inbox) =>
      inbox.newest
        ? [{ inbox, ...inbox.key, ...inbox.newest.numbers, streamsValidFrom: inbox.newest.streamsValidFrom }]
        : [],
    );
    for (let i = 0; i < known.length; i += INBOXES_PER_STATEMENT) {
      const chunk = known.slice(i, i + INBOXES_PER_STATEMENT);
      const found = (await this.store.sweep(chunk)).flatMap(({ index, behind }) => {
        const { inbox } = chunk[index] ?? {};
        return inbox ? [{ inbox, behind }] : [];
      });
      const behind = found.filter((entry) => entry.behind).map(({ inbox }) => inbox.key);
      // One statement for all of them, instead of one for each 200 that are read.
      const filled = behind.length > 0 ? await this.store.materialise(behind, true) : [];
      const names = new Set(filled.map(nameOf));
      for (const { inbox, behind: wasBehind } of found) {
        if (!wasBehind || names.has(nameOf(inbox.key))) inbox.refresh();
        // Somebody else has locked it: a delivery, another instance that does the same, or anybody.
        else this.tenants.add(inbox.key.tenant);
      }
      isDone &&= filled.length === behind.length;
    }
    return isDone;
  }
}
