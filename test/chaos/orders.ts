import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { Mass, Wanted, WriteRequest } from './instance/protocol.js';
import type { Operation } from './ledger.js';
import { MASSES, MassOf } from './masses.js';
import { type Answer, call } from './rest.js';
import type { RunContext } from './run-context.js';
import type { Node } from './world.js';

/** Everything is over well before the last of these. */
const SOON_MS = 6_000;
const REPEAT_FOR_MS = 60_000;
/** A call has a deadline of its own, of 10 s; then it has to say so. */
const ANSWER_MS = 1_000;
/** The longer make replays of several pages. */
const BODIES = [0, 0, 0, 0, 30, 300, 3_000, 8_000];
/** With these codes a call says that it has stored nothing. */
const NOT_STORED = ['INVALID_ARGUMENT', 'REJECTED_BY_DATABASE', 'INBOX_BUSY', 'OVERLOADED', 'CLOSED'];

/** What a writer wants to be sent. */
export interface Want {
  tenant: string;
  /** Null: a broadcast. */
  to: string[] | null;
  mass?: Mass;
  later?: boolean;
  /** In so many milliseconds, if not soon. */
  expires?: boolean | number;
  idempotencyKey?: boolean;
  bodyLength?: number;
}

/** What was written down, and how it is asked for. */
export interface Made {
  operation: Operation;
  wanted: Wanted;
}

export type Circumstances = Pick<Operation, 'deal' | 'never' | 'transaction'>;

/** Writes down what is wanted before it is asked for, asks for it, and writes down what was answered. */
export class Orders {
  constructor(
    private readonly context: RunContext,
    private readonly random: Random,
  ) {}

  create(want: Want, circumstances: Circumstances): Made {
    const { random } = this;
    const { mass, expires } = want;
    const tenant = mass ? MASSES : want.tenant;
    const to = mass ? new MassOf(mass) : want.to && new Set(want.to);
    const deliverAt = want.later ? this.soon() : undefined;
    const expiresAt = expires ? this.soon(expires === true ? undefined : expires) : undefined;
    const operation = this.context.ledger.add({
      ...circumstances,
      tenant,
      to,
      deliverAt,
      expires: expiresAt !== undefined,
    });
    const { op } = operation;
    const wanted: Wanted = {
      ...{ op, tenant, to: want.to, mass, deliverAt, expiresAt },
      bodyLength: want.bodyLength ?? random.pick(BODIES),
      idempotencyKey: want.idempotencyKey ? `operation-${op}` : undefined,
    };
    this.context.tally.add('wanted');
    return { operation, wanted };
  }

  /** Asks for these without a transaction, all at once. */
  async direct(made: Made[], nodes?: readonly Node[]): Promise<void> {
    await this.request({ transaction: false, rollback: false, holdMs: 0 }, made, nodes);
  }

  /** What has a key is repeated until it is known to be stored; all else is asked for once. */
  async request(
    how: Omit<WriteRequest, 'wanted'>,
    made: Made[],
    nodes: readonly Node[] = this.context.world.nodes,
  ): Promise<void> {
    const request: WriteRequest = { ...how, wanted: made.map(({ wanted }) => wanted) };
    const operations = made.map(({ operation }) => operation);
    const repeatable = !request.rollback && request.wanted.every((wanted) => wanted.idempotencyKey);
    const deadline = Date.now() + REPEAT_FOR_MS;
    do {
      const node = this.random.pick(nodes);
      const answer = await this.ask(node, request, operations);
      if (answer?.status === 200) return this.acknowledge(operations);
      if (request.rollback && answer?.status === 409) return;
      const code = answer?.body?.code;
      this.context.tally.add(code === undefined ? 'writes without an answer' : `rejected ${code}`);
      // Of several, the others may be stored; and what is repeated may have been stored before.
      const [only, ...others] = operations;
      if (only && others.length === 0 && !repeatable && NOT_STORED.includes(code)) only.refusedAs = code;
      await sleep(this.random.between(20, 200));
    } while (repeatable && Date.now() < deadline);
  }

  /** @param rows bad ones, which are in the outbox before these. @returns whether it was committed; undefined: perhaps. */
  async plainSql({ operation, wanted }: Made, rollback: boolean, rows: readonly unknown[] = []): Promise<void> {
    const { op, to, tenant, expiresAt, deliverAt = null } = wanted;
    const payload = {
      ...{ tenant, expiresAt },
      type: 'chaos',
      title: `Operation ${op}`,
      data: { op },
      ...(to ? { recipients: to } : { kind: 'broadcast' }),
    };
    try {
      const client = await this.context.world.pool.connect();
      let failure: Error | undefined;
      client.on('error', (error) => {
        failure = error;
      });
      try {
        await client.query('BEGIN');
        await client.query('INSERT INTO chaos_deal (op) VALUES ($1)', [op]);
        if (rows.length > 0) await client.query(INSERT_POISON, [JSON.stringify(rows)]);
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
      this.context.tally.add('writes without an answer');
    }
  }

  private acknowledge(operations: Operation[]): void {
    for (const operation of operations) operation.acked = true;
    this.context.tally.add('acknowledged', operations.length);
  }

  /** @returns the answer, if one came. */
  private async ask(node: Node, request: WriteRequest, operations: Operation[]): Promise<Answer | undefined> {
    const { ledger, settings, tally, trouble } = this.context;
    const before = trouble.quietMs;
    const url = `${node.instance.url}/chaos/write`;
    const answer = await call(url, { method: 'POST', body: request }).catch(() => undefined);
    const waitedMs = trouble.quietMs - before - request.holdMs;
    tally.max('longest call while nothing was broken, ms', waitedMs);
    if (waitedMs > settings.delayMs + ANSWER_MS && !node.isBefore) {
      const ops = operations.map(({ op }) => op).join(', ');
      const what = `${answer ? `answered with ${answer.status}` : 'no answer'} after ${Math.round(waitedMs)} ms`;
      ledger.violate('no call waits long while nothing is broken', `operation ${ops}: ${what}`);
    }
    return answer;
  }

  private soon(ms = this.random.between(100, SOON_MS)): string {
    return new Date(Date.now() + ms).toISOString();
  }
}

/** Remembers where they are, so that they aren't taken for what we have written. */
const INSERT_POISON = `
  WITH bad AS (
    INSERT INTO notifications.outbox (payload)
    SELECT p FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY t(p, ord) ORDER BY ord RETURNING pos)
  INSERT INTO chaos_poison (pos) SELECT pos FROM bad`;
