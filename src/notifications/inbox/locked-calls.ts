import type { InboxKey } from '../notification.js';
import { pause } from '../pause.js';
import type { NotificationsDataSource } from './database.js';
import { type DeliveryCall, inboxBusyError } from './delivery-call.js';
import { findLockedInboxes } from './locked-inboxes.js';

/** How long a call waits for an inbox that another transaction has locked; with `lock_timeout` and a busy machine < 5 s. */
const WAIT_MS = 4_000;
const LOOK_EVERY_MS = 100;
/** Something else than an inbox is locked, which only trying tells: it takes a connection for `lock_timeout`. */
const TRY_EVERY_MS = 1_000;

/**
 * Calls that wait because another transaction has locked an inbox of theirs. They wait here, in their order, and not in a
 * batch: others go on meanwhile.
 */
export class LockedCalls {
  private calls: { call: DeliveryCall; tryAt: number }[] = [];
  /** What the calls touch. */
  private names = new Set<string>();
  private readonly locked = new Map<string, InboxKey>();
  private looking?: Promise<void>;

  /** @param release takes calls whose inboxes are free again. */
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly release: (calls: DeliveryCall[]) => void,
    private readonly onError: (error: unknown) => void,
  ) {}

  get isEmpty(): boolean {
    return this.calls.length === 0;
  }

  /** Must this call wait behind one of those? */
  concern(call: DeliveryCall): boolean {
    return !this.isEmpty && call.names.some((name) => this.names.has(name));
  }

  /** @param locked the inboxes that hold them up; none where that isn't known. */
  add(calls: readonly DeliveryCall[], locked: readonly InboxKey[] = []): void {
    for (const key of locked) this.locked.set(`${key.tenant}\0${key.recipient}`, key);
    const tryAt = performance.now() + (locked.length === 0 ? TRY_EVERY_MS : 0);
    for (const call of calls) {
      this.calls.push({ call, tryAt });
      for (const name of call.names) this.names.add(name);
    }
    this.looking ??= this.look();
  }

  /** Waits until none is left. */
  async close(): Promise<void> {
    await this.looking;
  }

  private async look(): Promise<void> {
    while (!this.isEmpty) {
      await pause(LOOK_EVERY_MS);
      const now = performance.now();
      for (const { call } of this.calls) if (now - call.since >= WAIT_MS) call.reject(inboxBusyError());
      this.calls = this.calls.filter(({ call }) => !call.isSettled);
      try {
        const still = await findLockedInboxes(this.database, [...this.locked.values()]);
        this.locked.clear();
        for (const key of still) this.locked.set(`${key.tenant}\0${key.recipient}`, key);
        this.letGo(performance.now());
      } catch (error) {
        this.onError(error);
      }
    }
    this.locked.clear();
    this.looking = undefined;
  }

  /** Each goes when its inboxes are free, and no call before it waits for one of them. */
  private letGo(now: number): void {
    const blocked = new Set(this.locked.keys());
    const free: DeliveryCall[] = [];
    this.calls = this.calls.filter(({ call, tryAt }) => {
      const waits = tryAt > now || call.names.some((name) => blocked.has(name));
      if (waits) for (const name of call.names) blocked.add(name);
      else free.push(call);
      return waits;
    });
    this.names = new Set(this.calls.flatMap(({ call }) => call.names));
    if (free.length > 0) this.release(free);
  }
}
