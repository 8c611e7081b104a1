import { InboxStore } from '../../src/notifications/inbox/inbox.store.js';
import type { StreamPage } from '../../src/notifications/inbox/stream-page.js';
import type { InboxKey } from '../../src/notifications/notification.js';

type Requests = readonly (InboxKey & { after: number | null })[];

interface HeldRead {
  requests: Requests;
  /** Hands the answer over, which Postgres has given before. */
  release(): void;
}

/**
 * The real store, whose answers can be held back on their way: what Postgres said some time ago arrives when the test
 * wants it to, also out of order, as over several connections of a pool.
 */
export class GatedStore extends InboxStore {
  /** Reads whose answers are held back, in the order in which they were asked. */
  readonly held: HeldRead[] = [];
  /** Every read so far. */
  readonly reads: Requests[] = [];
  holding = false;

  override async read(requests: Requests, limit: number, bytes?: number): Promise<(StreamPage | null)[]> {
    const holds = this.holding;
    this.reads.push([...requests]);
    const pages = await super.read(requests, limit, bytes);
    if (holds) await new Promise<void>((release) => this.held.push({ requests: [...requests], release }));
    return pages;
  }
}
