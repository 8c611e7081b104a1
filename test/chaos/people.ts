import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import { type Client, type Inbox, nameOf } from './client.js';
import type { Ledger } from './ledger.js';
import { call } from './rest.js';
import type { Tally } from './tally.js';

/** The people at the browsers: they read, mark and remove, and they treat their connections badly. */
export class People {
  constructor(
    private readonly clients: readonly Client[],
    private readonly urls: readonly string[],
    private readonly ledger: Ledger,
    private readonly tally: Tally,
    private readonly random: Random,
  ) {}

  /** Some of them change what is in their inbox, again and again. */
  async change(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.changeOne();
      await sleep(everyMs * 2 * this.random.next());
    }
  }

  /** Some of them lose their connection, again and again. */
  async misbehave(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.misbehaveOne();
      await sleep(everyMs * 2 * this.random.next());
    }
  }

  /** One of them freezes now and then while much comes for it. @param flood sends that to an inbox. */
  async sleepThrough(everyMs: number, flood: (inbox: Inbox) => Promise<void>, signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(everyMs * this.random.next(), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const client = this.random.pick(this.clients);
      client.freeze(this.random.between(2_000, 6_000));
      this.tally.add('fault client sleeps through a flood');
      await flood(client.inbox);
    }
  }

  /** Some of them wonder whether all is right. */
  async audit(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(everyMs * 2 * this.random.next());
      this.tally.add('audits');
      await this.random.pick(this.clients).audit();
    }
  }

  private async changeOne(): Promise<void> {
    const { random } = this;
    const client = random.pick(this.clients);
    const ids = [...client.model.items.keys()];
    if (ids.length === 0) return;
    const id = random.pick(ids);
    const some = random.some(ids.slice(-20), random.between(1, 6));
    const change = random.pick<[string, string, unknown?]>([
      ['PATCH', `/${id}`, { read: true }],
      ['PATCH', `/${id}`, { read: false }],
      ['POST', '/read', { ids: some }],
      ['POST', '/read', { upTo: id }],
      ['DELETE', `/${id}`],
    ]);
    const [method, path, body] = change;
    const op = client.model.items.get(id)?.op;
    if (method === 'DELETE' && op !== undefined) this.ledger.mayBeRemoved(nameOf(client.inbox), op);
    const identity = nameOf(client.inbox);
    try {
      const url = `${random.pick(this.urls)}/notifications${path}`;
      const { status } = await call(url, { method, identity, body });
      this.tally.add(status === 200 ? 'changes' : `changes refused ${status}`);
    } catch {
      this.tally.add('changes without an answer');
    }
  }

  private misbehaveOne(): void {
    const { random } = this;
    const client = random.pick(this.clients);
    if (!client.isConnected) return;
    const dice = random.between(1, 100);
    if (dice <= 30) {
      client.vanish(random.between(0, 3_000));
      this.tally.add('fault client vanishes');
    } else if (dice <= 50) {
      client.vanish(random.between(3_000, 9_000), random.between(1, 20));
      this.tally.add('fault client is away');
    } else if (dice <= 75) {
      client.vanishAfterFrames(random.between(1, 25));
      this.tally.add('fault client vanishes midway');
    } else if (dice <= 95) {
      client.freeze(random.between(500, 6_000));
      this.tally.add('fault client stops reading');
    } else {
      client.startAnew();
      this.tally.add('fault client starts anew');
    }
  }
}
