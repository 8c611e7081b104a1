import { createHmac, timingSafeEqual } from 'node:crypto';
import { pause } from '../pause.js';
import { Periodic } from '../periodic.js';

/** What the database says about the keys that messages between instances are signed with. */
export interface KeySnapshot {
  /** Newest first. `isRipe`: every instance has had the time to read it, so that it can be signed with. */
  keys: { id: number; secret: Buffer; isRipe: boolean }[];
  /** An instance of a version that doesn't sign its messages is alive. */
  hasUnsignedInstances: boolean;
  /** The database's clock, in milliseconds since 1970. */
  now: number;
}

/** What the signature of a message says. */
export interface Signature {
  /** Counts the messages of its sender, upwards. */
  number: number;
  /** Milliseconds since it was signed, by the database's clock; a few less than none where clocks were read late. */
  ageMs: number;
}

/** How often the keys are read. A new key is signed with only after several times that: see the statement that reads them. */
const REFRESH_MS = 15_000;
/** Messages with an unknown key make for one more look at the keys, but not for one each. */
const RECHECK_MS = 2_000;
/** A slower answer doesn't tell what time it is. */
const CLOCK_ANSWER_MS = 1_000;
/** What `sign()` adds to a message at most. */
export const SIGNATURE_BYTES = 128;
const SIGNATURE = /,"n":(\d{1,15}),"at":(\d{1,15}),"key":(\d{1,15}),"mac":"([\w-]{43})"\}$/;

/**
 * Signs messages between instances, and tells theirs from everybody else's: any role that may connect to a database can
 * NOTIFY on each of its channels, and brokers are shared. The keys are rows of a table, which every instance can read and
 * a role that may only write to the outbox cannot.
 */
export class Keyring {
  private readonly refresher: Periodic;
  private snapshot: KeySnapshot = { keys: [], hasUnsignedInstances: false, now: 0 };
  private clockOffset?: number;
  private readAt = -Infinity;
  private signed = 0;
  private rechecking?: Promise<void>;
  private closed = false;

  private constructor(
    private readonly channel: string,
    private readonly load: () => Promise<KeySnapshot>,
    private readonly events: { onError(error: unknown): void; onForeign(): void },
  ) {
    this.refresher = new Periodic(REFRESH_MS, () => this.refresh(), events.onError);
  }

  /**
   * Reads the keys, and goes on reading them.
   *
   * @param channel signed along, so that the message of another channel with the same keys, as in a copy of the database,
   * is none of this one.
   * @param load rejects if the database doesn't answer: here that rejects, later the keys stay as they are.
   * @param events `onForeign`: a message has come that no instance has signed; called for every such message at most
   * every two seconds.
   */
  static async open(
    channel: string,
    load: () => Promise<KeySnapshot>,
    events: { onError(error: unknown): void; onForeign(): void },
  ): Promise<Keyring> {
    const keyring = new Keyring(channel, load, events);
    await keyring.refresh();
    keyring.refresher.start();
    return keyring;
  }

  /** Messages without a signature may come from an instance: one of a version that doesn't sign is alive. */
  get mayBeUnsigned(): boolean {
    return this.snapshot.hasUnsignedInstances;
  }

  /**
   * Signs a message with the newest key that every instance has read by now.
   *
   * @param message a JSON object, not an empty one.
   * @returns it with its signature as the last members, which a version that doesn't know them passes over.
   * @throws if there is no key.
   */
  sign(message: string): string {
    const { keys } = this.snapshot;
    const key = keys.find(({ isRipe }) => isRipe) ?? keys.at(-1);
    if (!key) throw new Error('the table broker_key is empty: add a key with INSERT INTO … DEFAULT VALUES');
    this.signed += 1;
    const text = `${message.slice(0, -1)},"n":${this.signed},"at":${Math.round(this.now())},"key":${key.id}`;
    return `${text},"mac":"${this.mac(key.secret, text).toString('base64url')}"}`;
  }

  /** Checks the signature of a message. @returns null for one that none of the keys has signed. */
  verify(message: string): Signature | null {
    const [suffix, number, at, keyId, mac = ''] = SIGNATURE.exec(message.slice(-SIGNATURE_BYTES)) ?? [];
    const key = this.snapshot.keys.find(({ id }) => id === Number(keyId));
    if (suffix === undefined || !key) return null;
    const text = message.slice(0, -MAC_MEMBER_LENGTH);
    if (!timingSafeEqual(Buffer.from(mac, 'base64url'), this.mac(key.secret, text))) return null;
    return { number: Number(number), ageMs: this.now() - Number(at) };
  }

  /**
   * Looks at the keys again because of a message that could not be verified.
   *
   * @returns whether an instance may have sent it after all, or others like it meanwhile.
   */
  async doubt(message: string): Promise<boolean> {
    if (this.rechecking) return false;
    const known = this.snapshot;
    this.rechecking = this.recheck();
    await this.rechecking;
    this.rechecking = undefined;
    const { keys, hasUnsignedInstances } = this.snapshot;
    const isKnown = (id: number) => known.keys.some((key) => key.id === id);
    if (hasUnsignedInstances || keys.some(({ id }) => !isKnown(id)) || this.verify(message)) return true;
    if (!this.closed) this.events.onForeign();
    return false;
  }

  /** Reads the keys no more; it still signs and verifies. */
  async close(): Promise<void> {
    this.closed = true;
    await this.refresher.close();
  }

  private async recheck(): Promise<void> {
    await pause(Math.max(0, this.readAt + RECHECK_MS - performance.now()));
    if (!this.closed) await this.refresh().catch(this.events.onError);
  }

  private async refresh(): Promise<void> {
    const before = performance.now();
    this.readAt = before;
    const snapshot = await this.load();
    const after = performance.now();
    this.snapshot = snapshot;
    if (this.clockOffset !== undefined && after - before > CLOCK_ANSWER_MS) return;
    this.clockOffset = snapshot.now - (before + after) / 2;
  }

  /** By the database's clock, because those of instances may differ. */
  private now(): number {
    return performance.now() + (this.clockOffset ?? 0);
  }

  private mac(secret: Buffer, text: string): Buffer {
    return createHmac('sha256', secret).update(`${this.channel}\0`).update(text).digest();
  }
}

const MAC_MEMBER_LENGTH = `,"mac":"${'x'.repeat(43)}"}`.length;
