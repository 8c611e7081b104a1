import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Inbox } from './client.js';
import type { Circumstances, Made, Orders, Want } from './orders.js';

export interface Audience {
  readonly tenants: readonly string[];
  readonly inboxesOf: ReadonlyMap<string, readonly Inbox[]>;
}

/** Of 30 kB each: more than the kernel keeps for a socket. */
const FLOOD = 200;
const FLOOD_AT_ONCE = 50;
const BROADCASTS_AT_ONCE = 100;
/** Until those who stopped reading have read it, and no longer: lists would be slow for everybody. */
const FLOOD_STAYS_MS = 15_000;
const DIRECT: Circumstances = { deal: false, never: false };

/** Recipients without an inbox until the first of several writers notifies them; nobody listens for them. */
const NEWCOMER = 'newcomer-';

/** Whether broadcasts need not reach it: its inbox may have begun after they were sent. */
export function isNewcomer(recipient: string): boolean {
  return recipient.startsWith(NEWCOMER);
}

/** Services of the CRM that notify: what they do is in the ledger before it is asked for, acknowledged when it resolved. */
export class Writer {
  private transactions = 0;

  constructor(
    /** Numbers the transactions of all writers: of this one, those with this remainder. */
    private readonly index: number,
    private readonly orders: Orders,
    private readonly audience: Audience,
    private readonly random: Random,
  ) {}

  /** Writes until told to stop, about so often; then finishes what it is at. */
  async run(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.write();
      await sleep(everyMs * 2 * this.random.next());
    }
  }

  /** So much for one inbox that what it takes can't wait in the buffers of the network. */
  async flood({ tenant, recipient }: Inbox): Promise<void> {
    const want = { tenant, to: [recipient], expires: FLOOD_STAYS_MS, bodyLength: 10_000 };
    for (let i = 0; i < FLOOD / FLOOD_AT_ONCE; i += 1) await this.orders.direct(this.many(FLOOD_AT_ONCE, want));
  }

  /** More at once to everybody of a tenant than anybody would send. */
  async floodOfBroadcasts(): Promise<void> {
    const tenant = this.random.pick(this.audience.tenants);
    const want = { tenant, to: null, expires: FLOOD_STAYS_MS, bodyLength: 30 };
    await this.orders.direct(this.many(BROADCASTS_AT_ONCE, want));
  }

  /** One by another program, with these rows in the outbox before it. */
  async behind(rows: readonly unknown[]): Promise<void> {
    await this.orders.plainSql(this.order({}, { deal: true, never: false }), false, rows);
  }

  private async write(): Promise<void> {
    const dice = this.random.between(1, 100);
    if (dice <= 35) await this.direct({});
    else if (dice <= 50) await this.direct({ idempotencyKey: true });
    else if (dice <= 55) await this.direct({ to: null });
    else if (dice <= 62) await this.direct({ later: true });
    else if (dice <= 70) await this.direct({ expires: true });
    else if (dice <= 88) await this.transaction();
    else await this.plainSql();
  }

  private async direct(want: Partial<Want>): Promise<void> {
    await this.orders.direct([this.order(want, DIRECT)]);
  }

  private async transaction(): Promise<void> {
    const { random } = this;
    const rollback = random.chance(0.1);
    const transaction = this.nextTransaction();
    const tenant = random.pick(this.audience.tenants);
    const idempotencyKey = random.chance(0.2);
    const to = this.recipients(tenant);
    const made = Array.from({ length: random.between(1, 4) }, () =>
      this.order(
        { tenant, to: random.chance(0.05) ? null : to, idempotencyKey },
        { deal: true, never: rollback, transaction },
      ),
    );
    const holdMs = random.chance(0.2) ? random.between(50, 400) : 0;
    await this.orders.request({ transaction: true, rollback, holdMs }, made);
  }

  /** Another program, which knows the outbox alone. */
  private async plainSql(): Promise<void> {
    const { random } = this;
    const rollback = random.chance(0.1);
    const want: Partial<Want> = { later: random.chance(0.1), ...(random.chance(0.1) && { to: null }) };
    await this.orders.plainSql(this.order(want, { deal: true, never: rollback }), rollback);
  }

  private many(count: number, want: Want): Made[] {
    return Array.from({ length: count }, () => this.orders.create(want, DIRECT));
  }

  private order(want: Partial<Want>, circumstances: Circumstances): Made {
    const tenant = want.tenant ?? this.random.pick(this.audience.tenants);
    const to = want.to === undefined ? this.recipients(tenant) : want.to;
    return this.orders.create({ ...want, tenant, to }, circumstances);
  }

  /** Mostly one; some of them again and again. */
  private recipients(tenant: string): string[] {
    const { random } = this;
    const inboxes = this.audience.inboxesOf.get(tenant) ?? [];
    const popular = inboxes.slice(0, 5);
    const count = random.pick([1, 1, 1, 2, 5, 20]);
    const some = random.some(random.chance(0.5) ? popular : inboxes, count);
    const newcomer = random.chance(0.05) ? [`${NEWCOMER}${random.between(1, 100)}`] : [];
    return [...some.map((inbox) => inbox.recipient), ...newcomer];
  }

  private nextTransaction(): number {
    this.transactions += 1;
    return this.transactions * 1_000 + this.index;
  }
}
