import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import type { NotificationsError } from '../notifications.error.js';
import { pause } from '../pause.js';
import type { NotificationsDataSource } from './database.js';
import type { DeliveryCall } from './delivery-call.js';
import { findLockedInboxes } from './locked-inboxes.js';
import { busyError, toNotificationsError } from './postgres-error.js';
import { LOCK_PATIENCE_MS } from './until-unlocked.js';

const LOOK_EVERY_MS = 100;
/**
 * So often a call is tried that seems to wait: what is locked may be something else than an inbox, or the inbox may be busy
 * whenever it is looked at. Trying takes a connection for `lock_timeout`.
 */
const TRY_EVERY_MS = 1_000;

/**
 * Calls that wait because another transaction has locked an inbox of theirs. They wait here, in their order, and not in a
 * batch: others go on meanwhile.
 */
export class LockedCalls {
  private calls: { call: DeliveryCall; tryAt: number; isUnseen: boolean }[] = [];
  /** What the calls touch, and the first of them that does. */
  private names = new Map<string, number>();
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
    return !this.isEmpty && call.names.some((name) => (this.names.get(name) ?? Number.POSITIVE_INFINITY) < call.order);
  }

  /** @param locked the inboxes that hold them up; null where that isn't known. */
  add(calls: readonly DeliveryCall[], locked: readonly InboxKey[] | null): void {
    for (const key of locked ?? []) this.locked.set(nameOf(key), key);
    const tryAt = performance.now() + TRY_EVERY_MS;
    const isUnseen = locked === null;
    let isSorted = true;
    for (const call of calls) {
      call.isSuspect = isUnseen;
      isSorted &&= (this.calls.at(-1)?.call.order ?? -1) < call.order;
      this.calls.push({ call, tryAt, isUnseen });
      this.note(call);
    }
    if (!isSorted) this.calls.sort((a, b) => a.call.order - b.call.order);
    this.looking ??= this.look();
  }

  /** Rejects all of them. */
  close(error: NotificationsError): void {
    for (const { call } of this.calls) call.reject(error);
    this.calls = [];
  }

  private async look(): Promise<void> {
    while (!this.isEmpty) {
      await pause(LOOK_EVERY_MS);
      const now = performance.now();
      try {
        this.database.checkEnding();
      } catch (error) {
        this.close(toNotificationsError(error));
        break;
      }
      for (const { call } of this.calls) if (now - call.since >= LOCK_PATIENCE_MS) call.reject(busyError());
      this.calls = this.calls.filter(({ call }) => !call.isSettled);
      try {
        const asked = [...this.locked];
        const still = await findLockedInboxes(this.database, [...this.locked.values()]);
        // Meanwhile others may have been added, or the same ones anew: the answer tells nothing about those.
        for (const [name, key] of asked) if (this.locked.get(name) === key) this.locked.delete(name);
        for (const key of still) this.locked.set(nameOf(key), key);
        this.letGo(performance.now());
      } catch (error) {
        this.onError(error);
      }
    }
    this.locked.clear();
    this.looking = undefined;
  }

  /** Each goes when its inboxes are free or it is time to try, and no call before it waits for one of them. */
  private letGo(now: number): void {
    const behind = new Set<string>();
    const free: DeliveryCall[] = [];
    this.calls = this.calls.filter(({ call, tryAt, isUnseen }) => {
      const isLocked = isUnseen || call.names.some((name) => this.locked.has(name));
      const waits = (isLocked && tryAt > now) || call.names.some((name) => behind.has(name));
      if (waits) for (const name of call.names) behind.add(name);
      else {
        call.isSuspect = isLocked;
        free.push(call);
      }
      return waits;
    });
    this.names = new Map();
    for (const { call } of this.calls) this.note(call);
    if (free.length > 0) this.release(free);
  }

  private note(call: DeliveryCall): void {
    for (const name of call.names) {
      this.names.set(name, Math.min(call.order, this.names.get(name) ?? Number.POSITIVE_INFINITY));
    }
  }
}
