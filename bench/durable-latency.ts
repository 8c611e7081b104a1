import type pg from 'pg';
import { eventually } from '../test/support/eventually.js';
import type { CrmTasks } from './support/crm-worker.js';
import { DurableBench } from './support/durable-bench.js';
import { fillInboxes } from './support/inbox-fixture.js';
import { InboxListener } from './support/inbox-listener.js';
import { percentile } from './support/rounds.js';
import type { Sample, Scenario, Setup } from './support/scenario.js';
import type { Worker } from './support/worker.js';
import type { YardstickTasks } from './support/yardstick-worker.js';

const LOAD = { perSecond: 500, seconds: 4, recipients: 100 };
const INSERT = 'one INSERT by pg';
const BROKERS = ['in-process', 'postgres'] as const;
const TABLES = ['notifications.message', 'notifications.inbox_item'];
/** Subject → its broker. */
const NOTIFY = new Map(BROKERS.map((broker) => [`notify(), ${broker}`, broker]));

class DurableLatency implements Scenario {
  readonly name = 'durable-latency';
  readonly title = 'From notify() to the browser at 500 a second, against one INSERT committed';
  readonly ours = [...NOTIFY.keys()];
  readonly subjects = [INSERT, ...this.ours];
  readonly baseline = INSERT;
  readonly charts = [{ metric: 'received p50 ms', title: 'Milliseconds until half of the notifications have come' }];
  private bench!: DurableBench;
  private yardstick!: Worker<YardstickTasks>;

  async prepare(): Promise<() => Promise<void>> {
    const bench = await DurableBench.start();
    this.bench = bench;
    this.yardstick = await bench.startYardstick(await bench.createDatabase('yardstick'));
    return () => bench.end();
  }

  async measure(subject: string, { library }: Setup): Promise<Sample> {
    await this.bench.settle();
    const broker = NOTIFY.get(subject);
    if (broker) {
      const fill = (client: pg.Client) => fillInboxes(client, LOAD.recipients);
      const { crms } = await this.bench.crmDatabase('crm', { library, brokers: BROKERS, tables: TABLES, fill });
      return await this.notify(crms.get(broker) as Worker<CrmTasks>);
    }
    const committed = await this.yardstick.ask('insertAtRate', LOAD);
    // Whoever has committed has got it, as far as an INSERT goes: the same numbers stand for both.
    return sampleOf(committed, committed);
  }

  private async notify(crm: Worker<CrmTasks>): Promise<Sample> {
    const port = await crm.ask('listening', undefined);
    const recipients = Array.from({ length: LOAD.recipients }, (_, n) => `user ${n}`);
    const listeners = await Promise.all(recipients.map((recipient) => InboxListener.open(port, recipient)));
    try {
      const committed = await crm.ask('notifyAtRate', LOAD);
      const received = () => listeners.flatMap((listener) => listener.latencies);
      await eventually(() => {
        const missing = committed.length - received().length;
        if (missing !== 0) throw new Error(`${missing} of ${committed.length} notifications have not come`);
      });
      for (const { failure } of listeners) if (failure) throw failure;
      return sampleOf(committed, received());
    } finally {
      for (const listener of listeners) listener.close();
    }
  }
}

function sampleOf(committed: number[], received: number[]): Sample {
  return {
    'committed p50 ms': percentile(committed, 50),
    'committed p99 ms': percentile(committed, 99),
    'received p50 ms': percentile(received, 50),
    'received p99 ms': percentile(received, 99),
  };
}

export const durableLatency: Scenario = new DurableLatency();
