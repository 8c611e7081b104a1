import type { Random } from '../support/random.js';
import { BrokerAttacks } from './broker-attacks.js';
import type { Inbox } from './client.js';
import { setTimeoutsOnDatabase } from './database-timeouts.js';
import type { Faults } from './faults.js';
import { ForeignLocks } from './foreign-locks.js';
import type { LargeWriter } from './large-writer.js';
import { MASSES } from './masses.js';
import { poison } from './poison.js';
import { RudeClients } from './rude-clients.js';
import type { RunContext } from './run-context.js';
import { type Happening, Schedule } from './schedule.js';
import { NEIGHBOUR_WEIGHTS, type NeighbourKind } from './settings.js';
import type { Lulls } from './trouble.js';
import type { Audience, Writer } from './writers.js';

/** What may hold up others for as long as it goes on; the rest must delay nobody. */
const DELAYING: readonly NeighbourKind[] = ['leader-lock'];

/** One at a time, or the one would undo the other. */
const ALONE: readonly NeighbourKind[] = ['leader-lock', 'database-timeouts'];

/** Those who use what we use: the database, the broker, our own door. Each does at random what it shouldn't. */
export class Neighbours {
  readonly locks: ForeignLocks;
  private readonly rude: RudeClients;
  private readonly attacks: BrokerAttacks;
  private readonly schedule: Schedule<NeighbourKind>;
  private readonly busy = new Set<NeighbourKind>();

  constructor(
    private readonly context: RunContext,
    private readonly audience: Audience,
    private readonly writer: Writer,
    private readonly large: LargeWriter,
    private readonly faults: Faults,
    private readonly over: AbortSignal,
    private readonly random: Random,
  ) {
    const { world, settings, ledger, tally } = context;
    this.locks = new ForeignLocks(world.postgres.url, over);
    this.rude = new RudeClients(ledger, random.fork());
    const inboxes = [...audience.inboxesOf.values()].flat();
    this.attacks = new BrokerAttacks(() => world.openStranger(), inboxes, tally, random.fork());
    const options = {
      ...{ weights: NEIGHBOUR_WEIGHTS, everyMs: settings.neighbourEveryMs, countedAs: 'neighbour' },
    };
    const fitting = settings.neighbours.filter((kind) => this.fits(kind));
    this.schedule = new Schedule(fitting, options, tally, random.fork());
  }

  async run(lulls: Lulls): Promise<void> {
    const start = (kind: NeighbourKind): Happening => {
      // The relay of the version before waits for a locked inbox, and keeps the lead meanwhile.
      const waitsBefore = kind === 'inbox-lock' && this.context.settings.instancesBefore > 0;
      const delays = DELAYING.includes(kind) || waitsBefore;
      if ((delays && lulls.isOn) || (ALONE.includes(kind) && this.busy.has(kind))) return false;
      this.busy.add(kind);
      return this.context.trouble.during(
        kind,
        delays,
        this.act(kind).finally(() => this.busy.delete(kind)),
      );
    };
    await this.schedule.run(start, this.over);
  }

  /** Once all is quiet: what they have taken is there again. */
  async judge(): Promise<void> {
    this.attacks.judge(this.context.ledger);
    if (!this.context.settings.neighbours.includes('pipelining')) return;
    for (const { instance } of this.context.world.ownNodes) {
      // Whatever an instance had not given back went with its last restart.
      for (let i = 0; i < 5; i += 1) await this.rude.visit(instance.url);
      await this.rude.judge(instance.url);
    }
  }

  private fits(kind: NeighbourKind): boolean {
    const onBroker: NeighbourKind[] = ['forged-messages', 'huge-messages', 'malformed-messages'];
    return this.context.settings.broker !== 'none' || !onBroker.includes(kind);
  }

  private async act(kind: NeighbourKind): Promise<void> {
    const { random, large } = this;
    const { pool, ownNodes } = this.context.world;
    switch (kind) {
      case 'large':
        return await large.direct();
      case 'large-transaction':
        return await large.inTransaction();
      case 'large-later':
        return await large.later();
      case 'large-refused':
        return await large.refusedForNow(ownNodes);
      case 'poison':
        return await this.writer.behind(poison(random, random.between(20, 1_000)));
      case 'inbox-lock':
        return await this.locks.holdInboxes(this.someInboxes(), random.between(1_000, 20_000));
      case 'leader-lock':
        return await this.locks.holdLeadership(random.between(1_000, 12_000));
      case 'broadcast-flood':
        return await this.writer.floodOfBroadcasts();
      case 'forged-messages':
        return await this.attacks.forge();
      case 'huge-messages':
        return await this.attacks.overwhelm();
      case 'malformed-messages':
        return await this.attacks.babble();
      case 'pipelining':
        return await this.pipeline();
      case 'database-timeouts':
        return await setTimeoutsOnDatabase(
          pool,
          random,
          random.between(3_000, 25_000),
          () => this.faults.terminateBackends(random.pick([10, 1_000, 1_000])),
          this.over,
        );
    }
  }

  private async pipeline(): Promise<void> {
    const { instance } = this.random.pick(this.context.world.ownNodes);
    if (this.random.chance(0.3)) await this.rude.askBehindStream(instance.url);
    else await this.rude.visit(instance.url);
  }

  /** Of those who are told much, of others, of the masses. */
  private someInboxes(): Inbox[] {
    const { random, audience } = this;
    const inboxes = audience.inboxesOf.get(random.pick(audience.tenants)) ?? [];
    const { masses } = this.context.settings;
    const mass = { tenant: MASSES, recipient: `mass-${random.between(0, masses - 1)}` };
    return random.pick([
      random.some(inboxes.slice(0, 5), 1),
      random.some(inboxes, random.between(1, 5)),
      [mass, ...random.some(inboxes, 1)],
    ]);
  }
}
