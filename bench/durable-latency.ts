import type pg from 'pg';
import { eventually } from '../test/support/eventually.js';
import type { CrmTasks } from './support/crm-worker.js';
import { DurableBench, settle } from './support/durable-bench.js';
import { fillInboxes } from './support/inbox-fixture.js';
import { InboxListener } from './support/inbox-listener.js';
import { percentile } from './support/rounds.js';
import type { Sample, Scenario } from './support/scenario.js';
import type { Worker } from './support/worker.js';
import type { YardstickTasks } from './support/yardstick-worker.js';

const LOAD = { perSecond: 500, seconds: 4, recipients: 100 };
const INSERT = 'one INSERT by pg';
const SUBJECTS = { 'notify(), in-process': 'in-process', 'notify(), postgres': 'postgres' } as const;

class DurableLatency implements Scenario {
  readonly name = 'durable-latency';
  readonly title = 'From notify() to the browser at 500 a second, against one INSERT committed';
  readonly subjects = [INSERT, ...Object.keys(SUBJECTS)];
  readonly baseline = INSERT;
  readonly charts = [{ metric: 'received p50 ms', title: 'Milliseconds until half of the notifications have come' }];
  private client!: pg.Client;
  private yardstick!: Worker<YardstickTasks>;
  private crms!: Record<string, Worker<CrmTasks>>;

  async prepare(): Promise<() => Promise<void>> {
    const bench = await DurableBench.start();
    const postgresUrl = await bench.createDatabase('latency');
    this.client = await bench.connect(postgresUrl);
    this.yardstick = await bench.startYardstick(postgresUrl);
    this.crms = {};
    for (const [subject, broker] of Object.entries(SUBJECTS)) {
      this.crms[subject] = await bench.startCrm({ postgresUrl, broker });
    }
    await fillInboxes(this.client, LOAD.recipients);
    return () => bench.end();
  }

  async measure(subject: string): Promise<Sample> {
    await settle(this.client, ['yardstick', 'notifications.message', 'notifications.inbox_item']);
    const crm = this.crms[subject];
    if (crm) return await this.notify(crm);
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
