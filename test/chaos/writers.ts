import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Inbox } from './client.js';
import type { Wanted, WriteRequest } from './instance/protocol.js';
import type { Ledger, Operation } from './ledger.js';
import { call } from './rest.js';
import type { Tally } from './tally.js';
import type { World } from './world.js';

export interface Audience {
  readonly tenants: readonly string[];
  readonly inboxesOf: ReadonlyMap<string, readonly Inbox[]>;
}

/** Everything is over well before the last of these. */
const SOON_MS = 6_000;
const REPEAT_FOR_MS = 60_000;
/** Of 30 kB each: more than the kernel keeps for a socket. */
const FLOOD = 200;
const FLOOD_AT_ONCE = 50;
/** The longer make replays of several pages. */
const BODIES = [0, 0, 0, 0, 30, 300, 3_000, 8_000];
/** Until those who stopped reading have read it, and no longer: lists would be slow for everybody. */
const FLOOD_STAYS_MS = 15_000;

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
    private readonly world: World,
    private readonly audience: Audience,
    private readonly ledger: Ledger,
    private readonly tally: Tally,
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
    const want = { tenant, to: [recipient], expires: true, bodyLength: 10_000 };
    for (let i = 0; i < FLOOD / FLOOD_AT_ONCE; i += 1) {
      const made = Array.from({ length: FLOOD_AT_ONCE }, () => this.operation(want, { deal: false, never: false }));
      const wanted = made.map((each) => each.wanted);
      await this.request({ wanted, transaction: false, rollback: false, holdMs: 0 }, made);
    }
  }

  private async write(): Promise<void> {
    const dice = this.random.between(1, 100);
    if (dice <= 35) await this.direct({});
    else if (dice <= 50) await this.direct({ idempotencyKey: true });
    else if (dice <= 55) await this.direct({ broadcast: true });
    else if (dice <= 62) await this.direct({ later: true });
    else if (dice <= 70) await this.direct({ expires: true });
    else if (dice <= 88) await this.transaction();
    else await this.plainSql();
  }

  private async direct(want: Want): Promise<void> {
    const operations = [this.operation(want, { deal: false, never: false })];
    const request = { wanted: operations.map((made) => made.wanted), transaction: false, rollback: false, holdMs: 0 };
    await this.request(request, operations);
  }

  private async transaction(): Promise<void> {
    const { random } = this;
    const rollback = random.chance(0.1);
    const transaction = this.nextTransaction();
    const tenant = random.pick(this.audience.tenants);
    const idempotencyKey = random.chance(0.2);
    const to = this.recipients(tenant);
    const operations = Array.from({ length: random.between(1, 4) }, () =>
      this.operation(
        { tenant, to, idempotencyKey, broadcast: random.chance(0.05) },
        { deal: true, never: rollback, transaction },
      ),
    );
    const holdMs = random.chance(0.2) ? random.between(50, 400) : 0;
    const wanted = operations.map((made) => made.wanted);
    await this.request({ wanted, transaction: true, rollback, holdMs }, operations);
  }

  /** Another program, which knows the outbox alone. */
  private async plainSql(): Promise<void> {
    const rollback = this.random.chance(0.1);
    const want = { broadcast: this.random.chance(0.1), later: this.random.chance(0.1) };
    const { operation, wanted } = this.operation(want, { deal: true, never: rollback });
    const { op, to, tenant, expiresAt, deliverAt = null } = wanted;
    const payload = {
      ...{ tenant, expiresAt },
      type: 'chaos',
      title: `Operation ${op}`,
      data: { op },
      ...(to ? { recipients: to } : { kind: 'broadcast' }),
    };
    try {
      const client = await this.world.pool.connect();
      let failure: Error | undefined;
      client.on('error', (error) => {
        failure = error;
      });
      try {
        await client.query('BEGIN');
        await client.query('INSERT INTO chaos_deal (op) VALUES ($1)', [op]);
        await client.query('INSERT INTO notifications.outbox (payload, deliver_at) VALUES ($1, $2)', [
          payload,
          deliverAt,
        ]);
        await client.query(rollback ? 'ROLLBACK' : 'COMMIT');
        if (!rollback) this.acknowledge([operation]);
      } catch (error) {
        failure = error as Error;
      } finally {
        client.removeAllListeners('error');
        client.release(failure);
      }
    } catch {
      this.tally.add('writes without an answer');
    }
  }

  /** What has a key is repeated until it is known to be stored; all else is asked for once. */
  private async request(request: WriteRequest, made: Made[]): Promise<void> {
    const operations = made.map(({ operation }) => operation);
    const repeatable = !request.rollback && request.wanted.every((wanted) => wanted.idempotencyKey);
    const deadline = Date.now() + REPEAT_FOR_MS;
    do {
      try {
        const { status } = await call(`${this.random.pick(this.world.urls)}/chaos/write`, {
          method: 'POST',
          body: request,
        });
        if (status === 200) return this.acknowledge(operations);
        if (request.rollback && status === 409) return;
      } catch {
        // It may be stored, or not.
      }
      this.tally.add('writes without an answer');
      await sleep(this.random.between(20, 200));
    } while (repeatable && Date.now() < deadline);
  }

  private acknowledge(operations: Operation[]): void {
    for (const operation of operations) operation.acked = true;
    this.tally.add('acknowledged', operations.length);
  }

  private operation(want: Want, rest: Pick<Operation, 'deal' | 'never' | 'transaction'>): Made {
    const { random } = this;
    const tenant = want.tenant ?? random.pick(this.audience.tenants);
    const to = want.broadcast ? null : (want.to ?? this.recipients(tenant));
    const deliverAt = want.later ? this.soon() : undefined;
    const expiresAt = want.expires ? this.soon(want.bodyLength ? FLOOD_STAYS_MS : undefined) : undefined;
    const operation = this.ledger.add({
      ...rest,
      tenant,
      to: to && new Set(to),
      deliverAt,
      expires: expiresAt !== undefined,
    });
    const { op } = operation;
    const wanted: Wanted = {
      ...{ op, tenant, to, deliverAt, expiresAt },
      // Long ones make replays of several pages.
      bodyLength: want.bodyLength ?? random.pick(BODIES),
      idempotencyKey: want.idempotencyKey ? `operation-${op}` : undefined,
    };
    this.tally.add('wanted');
    return { operation, wanted };
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

  private soon(ms = this.random.between(100, SOON_MS)): string {
    return new Date(Date.now() + ms).toISOString();
  }

  private nextTransaction(): number {
    this.transactions += 1;
    return this.transactions * 1_000 + this.index;
  }
}

interface Want {
  tenant?: string;
  to?: string[];
  broadcast?: boolean;
  later?: boolean;
  expires?: boolean;
  idempotencyKey?: boolean;
  bodyLength?: number;
}

interface Made {
  operation: Operation;
  wanted: Wanted;
}
