import { monotonicUs } from '../servers/protocol.js';

const HASH = 0x23;
const COMMA = 0x2c;
const ZERO = 0x30;

/** What all connections have seen together. */
export class Tally {
  messages = 0;
  private targetedUs: number[] = [];
  private toAllUs: number[] = [];

  add(to: number, us: number): void {
    this.messages += 1;
    (to === -1 ? this.toAllUs : this.targetedUs).push(us);
  }

  /** Of targeted messages, if there were any: a broadcast to many takes its time by itself. */
  get latenciesUs(): readonly number[] {
    return this.targetedUs.length > 0 ? this.targetedUs : this.toAllUs;
  }

  reset(): void {
    this.messages = 0;
    this.targetedUs = [];
    this.toAllUs = [];
  }
}

/** Checks the marks of one recipient's messages: each for it, each the next one. */
export class MarkCheck {
  private targeted = 0;
  /** Undefined until the first: there may have been others before this recipient came. */
  private toAll?: number;

  constructor(
    readonly recipient: number,
    private readonly tally: Tally,
  ) {}

  /**
   * Looks for the one mark of a frame, `#to,n,at#`.
   *
   * @returns whether it has one.
   * @throws if it is for somebody else, or not the next.
   */
  frame(bytes: Buffer, start: number, end: number): boolean {
    const at = bytes.indexOf(HASH, start);
    if (at === -1 || at >= end) return false;
    let index = at + 1;
    const negative = bytes[index] === 0x2d;
    if (negative) index += 1;
    const number = (stop: number) => {
      let value = 0;
      for (; index < end && bytes[index] !== stop; index++) {
        const digit = (bytes[index] as number) - ZERO;
        value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
      }
      index += 1;
      return value;
    };
    const to = negative ? -number(COMMA) : number(COMMA);
    const n = number(COMMA);
    const sentAt = number(HASH);
    if (!Number.isSafeInteger(sentAt)) throw new Error(`Recipient ${this.recipient} got a broken mark`);
    if (to !== -1 && to !== this.recipient) {
      throw new Error(`Misrouted: recipient ${this.recipient} got message ${n} of ${to}`);
    }
    const expected = to === -1 ? (this.toAll ?? n - 1) + 1 : this.targeted + 1;
    if (n !== expected) {
      const what = n < expected ? 'Doubled or out of order' : 'Lost';
      throw new Error(`${what}: recipient ${this.recipient} got message ${n} where ${expected} was next`);
    }
    if (to === -1) this.toAll = n;
    else this.targeted = n;
    this.tally.add(to, monotonicUs() - sentAt);
    return true;
  }
}
