import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { CrmTasks } from './support/crm-worker.js';
import { DurableBench } from './support/durable-bench.js';
import { fillInboxes } from './support/inbox-fixture.js';
import { monotonicMs } from './support/instance-protocol.js';
import type { Sample, Scenario, Setup } from './support/scenario.js';
import type { Worker } from './support/worker.js';

const RECIPIENTS = 100_000;
const INSERT = 'INSERT … SELECT';
const NOTIFY = 'notify()';
const TABLES = ['bare_item', 'notifications.message', 'notifications.inbox_item'];

class OneToMany implements Scenario {
  readonly name = 'one-to-many';
  readonly title = 'One message to 100,000 inboxes, against a bare INSERT … SELECT of their items';
  readonly subjects = [INSERT, NOTIFY];
  readonly ours = [NOTIFY];
  readonly baseline = INSERT;
  readonly charts = [{ metric: 'items/s', title: 'Items stored a second' }];
  private bench!: DurableBench;

  async prepare(): Promise<() => Promise<void>> {
    const bench = await DurableBench.start();
    this.bench = bench;
    return () => bench.end();
  }

  async measure(subject: string, { library }: Setup): Promise<Sample> {
    const options = { library, brokers: ['in-process'], tables: TABLES, fill } as const;
    const { client, crms } = await this.bench.crmDatabase('crm', options);
    await this.bench.settle();
    await client.query('VACUUM ANALYZE notifications.inbox');
    const table = subject === NOTIFY ? 'notifications.inbox_item' : 'bare_item';
    const crm = crms.get('in-process') as Worker<CrmTasks>;
    const seconds = (subject === NOTIFY ? await notify(crm, client) : await insert(client)) / 1_000;
    const { rows } = await client.query(`SELECT count(DISTINCT recipient_id)::int AS stored FROM ${table}`);
    if (rows[0].stored !== RECIPIENTS) throw new Error(`${rows[0].stored} instead of ${RECIPIENTS} have it`);
    return { 'items/s': RECIPIENTS / seconds };
  }
}

async function fill(client: pg.Client): Promise<void> {
  await fillInboxes(client, RECIPIENTS);
  // With the same indexes and fillfactor, in the same order of columns.
  await client.query(`CREATE TABLE bare_item (LIKE notifications.inbox_item INCLUDING ALL) WITH (fillfactor = 90)`);
}

/** @returns how many milliseconds it took. */
async function insert(client: pg.Client): Promise<number> {
  const began = performance.now();
  await client.query(`
    INSERT INTO bare_item (tenant_id, recipient_id, id, message_id)
    SELECT tenant_id, recipient_id, last_id + 1, '00000000-0000-7000-8000-000000000000' FROM notifications.inbox`);
  return performance.now() - began;
}

/** @returns how many milliseconds it took until all had it. */
async function notify(crm: Worker<CrmTasks>, client: pg.Client): Promise<number> {
  const calledAt = await crm.ask('notifyAll', { recipients: RECIPIENTS });
  // What is delivered has left the outbox in the same transaction.
  for (;;) {
    const { rows } = await client.query('SELECT FROM notifications.outbox LIMIT 1');
    if (rows.length === 0) return monotonicMs() - calledAt;
    await sleep(5);
  }
}

export const oneToMany: Scenario = new OneToMany();
