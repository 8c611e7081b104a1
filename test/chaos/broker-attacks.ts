import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Inbox } from './client.js';
import type { Ledger } from './ledger.js';
import type { Stranger } from './stranger.js';
import type { Tally } from './tally.js';

/** The type of every signal that a stranger forges. No stream may ever carry it. */
export const FORGED = 'forged';
const HUGE_BYTES = 1_000_000;
/** An attack takes no longer. */
const ATTACK_MS = 20_000;

/** What a stranger on the channel of the broker does. */
export class BrokerAttacks {
  /** Real messages that were overheard: without any, the stranger was somewhere else. */
  private overheard = 0;
  private attacks = 0;

  constructor(
    private readonly open: () => Promise<Stranger | undefined>,
    private readonly inboxes: readonly Inbox[],
    private readonly tally: Tally,
    private readonly random: Random,
  ) {}

  /** Signals for recipients and tenants, hints, gaps: made up, and put into real messages whose other fields stay. */
  async forge(): Promise<void> {
    await this.attack(async (stranger) => {
      this.attacks += 1;
      const real = await stranger.overhear();
      if (real !== undefined) this.overheard += 1;
      for (const message of this.forgeries(real)) await stranger.send(message);
    });
  }

  /** As much as a megabyte, in one message or in as many as it takes. */
  async overwhelm(): Promise<void> {
    const { random } = this;
    const tenants = [...new Set(this.inboxes.map(({ tenant }) => tenant))];
    const entry = random.pick([
      () => [random.pick(tenants), null],
      () => [random.pick(tenants), random.pick(this.inboxes).recipient],
      () => [random.pick(tenants), `nobody-${random.between(1, 1e6)}`],
      () => [`no tenant ${random.between(1, 1e6)}`, null],
      () => [random.pick(tenants), null, null, { type: FORGED, data: { text: 'x'.repeat(500) } }],
    ]);
    await this.attack(async (stranger) => {
      for (let bytes = 0; bytes < HUGE_BYTES; ) {
        const hints: unknown[] = [];
        const size = Math.min(HUGE_BYTES, stranger.maxBytes) - 200;
        for (let length = 0; length < size; ) {
          const next = entry();
          length += Buffer.byteLength(JSON.stringify(next)) + 1;
          if (length < size) hints.push(next);
        }
        const message = JSON.stringify({ from: 'a stranger', hints });
        bytes += message.length;
        await stranger.send(message);
      }
    });
  }

  /** What is no message of ours at all. */
  async babble(): Promise<void> {
    const { random } = this;
    await this.attack(async (stranger) => {
      const size = random.between(1, Math.min(60_000, stranger.maxBytes));
      const deep = Math.floor(size / 2);
      const messages: (string | Buffer)[] = [
        ...['', 'null', '7', '"text"', '[]', '{}', '{"from":', '{"from":7,"hints":[]}', '{"from":"x","hints":{}}'],
        ...['{"from":"x","hints":[null,7,"a",[],[1],[null,null],["",7],["",null,{"revision":"1"}]]}'],
        ...['{"from":"x","gap":"yes"}', '{"from":"x","probe":1}', '{"__proto__":{"from":"x"},"hints":[]}'],
        ...['['.repeat(deep) + ']'.repeat(deep), `{"from":"${'x'.repeat(size - 20)}","hints":[]}`],
        ...[randomBytes(size), Buffer.alloc(size)],
      ];
      // More of them at once than anybody would write.
      for (const message of random.some(messages, random.between(3, messages.length))) {
        if (Buffer.byteLength(message) <= stranger.maxBytes) await stranger.send(message);
      }
    });
  }

  judge(ledger: Ledger): void {
    this.tally.add('overheard', this.overheard);
    if (this.attacks < 3 || this.overheard > 0) return;
    ledger.violate(
      'the harness does what it says',
      `the stranger forged ${this.attacks} times on a channel without us`,
    );
  }

  private forgeries(real: string | undefined): string[] {
    const { random } = this;
    const { tenant, recipient } = random.pick(this.inboxes);
    const signal = { type: FORGED, data: { for: recipient } };
    const hints = [
      [tenant, recipient, null, signal],
      [tenant, null, null, signal],
      [tenant, recipient],
      [tenant, recipient, { revision: random.between(1, 1_000), removed: [random.between(1, 1_000)] }],
    ];
    const made: object[] = [
      { from: 'a stranger', hints },
      { from: 'a stranger', gap: true },
    ];
    if (real !== undefined) {
      try {
        const message = JSON.parse(real);
        made.push({ ...message, hints }, { ...message, from: 'a stranger', hints });
      } catch {
        // It is no bare JSON any more: what stands around it is kept by the next.
      }
    }
    const texts = made.map((message) => JSON.stringify(message));
    const json = real?.match(/\{.*\}/s)?.[0];
    if (real && json) texts.push(real.replace(json, JSON.stringify({ from: 'a stranger', hints })), real);
    return texts;
  }

  /** Some of the brokers' clients leave a promise pending for ever when their server goes away meanwhile. */
  private async attack(work: (stranger: Stranger) => Promise<void>): Promise<void> {
    await Promise.race([this.visit(work), sleep(ATTACK_MS, undefined, { ref: false })]);
  }

  private async visit(work: (stranger: Stranger) => Promise<void>): Promise<void> {
    let stranger: Stranger | undefined;
    try {
      stranger = await this.open();
      if (stranger) await work(stranger);
    } catch {
      // The server is down just now.
      this.tally.add('attacks on a broker that was down');
    } finally {
      await stranger?.close().catch(() => undefined);
    }
  }
}
