import type pg from 'pg';
import type { CrmTasks } from './support/crm-worker.js';
import { DurableBench } from './support/durable-bench.js';
import { INBOX_CALLS } from './support/inbox-calls.js';
import { fillInboxesWithItems, type InboxSize, unreadAgain } from './support/inbox-fixture.js';
import { percentile } from './support/rounds.js';
import type { Sample, Scenario, Setup } from './support/scenario.js';
import type { Worker } from './support/worker.js';

const ITEMS_EACH = 1_000;
const FEW = 100_000;
/** Calls one after the other, whose times are taken; then as many a second as four callers get. */
const LOAD = { times: 300, callers: 4, seconds: 0.5 };

/** What the calls of one subject have in common. */
interface Store {
  client: pg.Client;
  crm: Worker<CrmTasks>;
  size: InboxSize;
  marked: number;
}

/** What a call of an inbox costs among many items, against the same among 100,000: it should not tell how many there are. */
class Inboxes implements Scenario {
  readonly name = 'inboxes';
  readonly title: string;
  readonly subjects: readonly string[];
  readonly ours = [nameOf(FEW)];
  readonly baseline = nameOf(FEW);
  readonly charts = [{ metric: 'first page p50 ms', title: 'Milliseconds that a first page takes' }];
  private readonly stores = new Map<string, Store>();
  private bench!: DurableBench;

  constructor(private readonly items: number) {
    this.title = `Reading and marking among ${items.toLocaleString('en')} items`;
    this.subjects = [this.baseline, nameOf(items)];
  }

  async prepare(): Promise<() => Promise<void>> {
    const bench = await DurableBench.start();
    this.bench = bench;
    return async () => {
      this.stores.clear();
      await bench.end();
    };
  }

  async measure(subject: string, { library }: Setup): Promise<Sample> {
    const store = await this.storeOf(subject, library);
    await unreadAgain(store.client, store.size);
    const sample: Sample = {};
    for (const call of INBOX_CALLS) {
      const { took, work } = await store.crm.ask('inbox', { ...LOAD, call, size: store.size, before: store.marked });
      if (call === 'mark one') store.marked += took.length + work.calls;
      sample[`${call} p50 ms`] = percentile(took, 50);
      sample[`${call} p99 ms`] = percentile(took, 99);
      sample[`${call}/s`] = (work.calls * 1_000) / work.ms;
    }
    return sample;
  }

  /** Filled in the first turn of a subject, which does not count. */
  private async storeOf(subject: string, library: string): Promise<Store> {
    const key = `${subject} ${library}`;
    const existing = this.stores.get(key);
    if (existing) return existing;
    const inboxes = (subject === this.baseline ? FEW : this.items) / ITEMS_EACH;
    const size: InboxSize = { inboxes, itemsEach: ITEMS_EACH };
    const fill = (client: pg.Client) => fillInboxesWithItems(client, size);
    const { client, crms } = await this.bench.crmDatabase(subject, { library, brokers: ['in-process'], fill });
    const store = { client, crm: crms.get('in-process') as Worker<CrmTasks>, size, marked: 0 };
    this.stores.set(key, store);
    return store;
  }
}

function nameOf(items: number): string {
  return `${items.toLocaleString('en')} items`;
}

const inboxesOf = (items: number): Scenario => new Inboxes(items);

export const inboxes = inboxesOf(10_000_000);
