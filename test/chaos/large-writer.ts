import type pg from 'pg';
import type { Random } from '../support/random.js';
import type { Mass } from './instance/protocol.js';
import { createFussy, MASSES } from './masses.js';
import type { Made, Orders, Want } from './orders.js';
import type { Node } from './world.js';

/** More than one statement locks. */
const LEAST = 6_000;

/** Services of the CRM that tell thousands at once. */
export class LargeWriter {
  private fussyOnes = 0;

  constructor(
    private readonly pool: pg.Pool,
    private readonly orders: Orders,
    /** How many there are to be told. */
    private readonly masses: number,
    private readonly random: Random,
  ) {}

  /** @param nodes who may be asked for it; @default all */
  async direct(mass = this.some(), nodes?: readonly Node[]): Promise<void> {
    await this.orders.direct([this.order({ mass, idempotencyKey: this.random.chance(0.3) })], nodes);
  }

  async later(mass = this.some(), nodes?: readonly Node[]): Promise<void> {
    await this.orders.direct([this.order({ mass, later: true })], nodes);
  }

  async inTransaction(mass = this.some(), nodes?: readonly Node[]): Promise<void> {
    const rollback = this.random.chance(0.15);
    const made = this.order({ mass }, { deal: true, never: rollback });
    await this.orders.request({ transaction: true, rollback, holdMs: this.random.between(0, 300) }, [made], nodes);
  }

  /** Any of these, with one among them whom a trigger refuses once or twice. */
  async refusedForNow(nodes: readonly Node[]): Promise<void> {
    this.fussyOnes += 1;
    let fussy: string;
    try {
      fussy = await createFussy(this.pool, this.fussyOnes, this.random.between(1, 2));
    } catch {
      // Postgres is down.
      return;
    }
    const mass = this.some();
    const refused = { ...mass, fussy, fussyAt: this.random.between(0, mass.count) };
    const send = this.random.pick([this.direct, this.later, this.inTransaction]);
    await send.call(this, refused, nodes);
  }

  private order(want: Partial<Want>, circumstances = { deal: false, never: false }): Made {
    return this.orders.create({ tenant: MASSES, to: null, bodyLength: 30, ...want }, circumstances);
  }

  private some(): Mass {
    const { masses, random } = this;
    return { first: random.between(0, masses - 1), count: random.between(Math.min(LEAST, masses), masses), of: masses };
  }
}
