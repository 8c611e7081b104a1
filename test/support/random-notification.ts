import type { Notification, NotifyOptions } from '../../src/notifications/index.js';
import { Random } from './random.js';

class RandomValues extends Random {
  /** Mostly harmless, now and then from the corners of Unicode. */
  text(maxLength: number): string {
    const alphabet = this.chance(0.9) ? PLAIN : [...PLAIN, ...AWKWARD];
    const length = this.chance(0.05) ? maxLength + this.between(-1, 1) : this.between(1, Math.min(maxLength, 40));
    return Array.from({ length }, () => this.pick(alphabet)).join('');
  }

  number(): number {
    const sign = this.chance(0.5) ? 1 : -1;
    return (
      sign * this.pick([this.between(0, 1000), this.next(), this.next() * 10 ** this.between(-320, 308), 2 ** 53, 0])
    );
  }

  json(depth: number): unknown {
    const kind = this.between(0, depth > 0 ? 7 : 4);
    if (kind === 0) return null;
    if (kind === 1) return this.chance(0.5);
    if (kind === 2) return this.number();
    if (kind < 5) return this.text(60);
    const size = this.between(0, 5);
    if (kind === 5) return Array.from({ length: size }, () => this.json(depth - 1));
    return this.object(size, depth - 1);
  }

  object(size: number, depth: number): object {
    const entries = Array.from({ length: size }, () => [this.text(10), this.json(depth)] as const);
    // Object.fromEntries defines: a key __proto__ is one like any other.
    return Object.fromEntries(entries);
  }
}

const PLAIN = [...'abcdefgh ABC 0123456789 _-.,;:\'"\\/{}[]$%&<>=äß界🔔\n\t\r'];
const AWKWARD = [
  '\0',
  '\ud83d',
  '\udd14',
  '\u0001',
  '\u001f',
  '\u007f',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\ufffe',
  '\uffff',
  '\u{10ffff}',
];

/** One of endlessly many, good or bad. The same seed gives the same. */
export function randomNotification(seed: number): Notification {
  const random = new RandomValues(seed);
  return {
    type: random.text(100),
    title: random.text(300),
    ...(random.chance(0.5) && { body: random.chance(0.1) ? null : random.text(10_000) }),
    ...(random.chance(0.3) && {
      url: random.pick(['/', '/deals/', 'https://', 'https://example.com/', '//', '']) + random.text(2_048),
    }),
    ...(random.chance(0.8) && {
      data: random.object(random.between(0, random.chance(0.1) ? 400 : 7), random.between(0, 6)),
    }),
  };
}

/** Options of `notify()`, good or bad. */
export function randomOptions(seed: number): NotifyOptions {
  const random = new RandomValues(seed + 1_000_000);
  return {
    ...(random.chance(0.3) && { tenant: random.text(255) }),
    ...(random.chance(0.3) && { idempotencyKey: `${seed}${random.text(200)}` }),
    ...(random.chance(0.2) && { expiresAt: new Date(4e12 + random.number()) }),
  };
}
