import type pg from 'pg';
import type { Work } from './support/callers.js';
import type { CrmTasks } from './support/crm-worker.js';
import { dealNotification } from './support/deal-notification.js';
import { type CrmDatabase, DurableBench } from './support/durable-bench.js';
import { fillInboxes } from './support/inbox-fixture.js';
import { pgbench, pgbenchVersion } from './support/pgbench.js';
import type { Sample, Scenario, Setup } from './support/scenario.js';
import type { Worker } from './support/worker.js';
import { yardstickRow } from './support/yardstick-table.js';
import type { YardstickTasks } from './support/yardstick-worker.js';

const SECONDS = 3;
const RECIPIENTS = 10_000;
const BROKERS = ['in-process', 'postgres'] as const;
const TABLES = ['notifications.message', 'notifications.inbox_item'];

const SAVE = 'TypeORM save(), 32 callers';
/** Subject → clients. */
const PGBENCH = new Map([32, 1, 8].map((clients) => [`pgbench INSERT, ${clients} clients`, clients]));
interface Load {
  broker: (typeof BROKERS)[number];
  callers: number;
  /** Recipients of one call. */
  each: number;
}

/** Subject → what is called. */
const NOTIFY = new Map<string, Load>(
  BROKERS.flatMap((broker) => [
    [`notify(), 1 caller, ${broker}`, { broker, callers: 1, each: 1 }],
    [`notify(), 8 callers, ${broker}`, { broker, callers: 8, each: 1 }],
    [`notify(), 32 callers, ${broker}`, { broker, callers: 32, each: 1 }],
    [`notify() to 20 each, 32 callers, ${broker}`, { broker, callers: 32, each: 20 }],
  ]),
);

class DurableThroughput implements Scenario {
  readonly name = 'durable-throughput';
  readonly title = 'Notifications committed a second, against commits of one INSERT each';
  readonly subjects: readonly string[];
  readonly ours = [...NOTIFY.keys()];
  readonly baseline: string;
  readonly charts = [{ metric: 'notifications/s', title: 'Notifications committed a second' }];
  private bench!: DurableBench;
  private yardstickUrl!: string;
  private yardstick!: Worker<YardstickTasks>;

  constructor() {
    const hasPgbench = pgbenchVersion() !== undefined;
    if (!hasPgbench) process.stderr.write(`${this.name}: pgbench is left out: there is none on the PATH\n`);
    this.subjects = [...(hasPgbench ? PGBENCH.keys() : []), SAVE, ...this.ours];
    this.baseline = this.subjects[0] as string;
  }

  async prepare(): Promise<() => Promise<void>> {
    const bench = await DurableBench.start();
    this.bench = bench;
    this.yardstickUrl = await bench.createDatabase('yardstick');
    this.yardstick = await bench.startYardstick(this.yardstickUrl);
    return () => bench.end();
  }

  async measure(subject: string, { library }: Setup): Promise<Sample> {
    await this.bench.settle();
    const clients = PGBENCH.get(subject);
    if (clients !== undefined) {
      const url = this.yardstickUrl;
      const perSecond = await pgbench(INSERT_SCRIPT, { url, clients, seconds: SECONDS });
      return { 'notifications/s': perSecond, 'deliveries/s': perSecond };
    }
    const load = NOTIFY.get(subject);
    if (!load) {
      const work = await this.yardstick.ask('save', { callers: 32, seconds: SECONDS, recipients: RECIPIENTS });
      return sampleOf(work, 1);
    }
    const { broker, ...rest } = load;
    const fill = (client: pg.Client) => fillInboxes(client, RECIPIENTS);
    const database = await this.bench.crmDatabase('crm', { library, brokers: BROKERS, tables: TABLES, fill });
    const crm = database.crms.get(broker) as Worker<CrmTasks>;
    const work = await crm.ask('notify', { ...rest, seconds: SECONDS, recipients: RECIPIENTS });
    await check(database, work.calls * load.each);
    return sampleOf(work, load.each);
  }
}

async function check({ client }: CrmDatabase, deliveries: number): Promise<void> {
  const { rows } = await client.query('SELECT count(*)::int AS stored FROM notifications.inbox_item');
  if (rows[0].stored !== deliveries) throw new Error(`${rows[0].stored} instead of ${deliveries} are in the inboxes`);
}

function sampleOf({ calls, ms }: Work, each: number): Sample {
  const perSecond = (calls * 1_000) / ms;
  return { 'notifications/s': perSecond, 'deliveries/s': perSecond * each };
}

const [, type, title, body, , data] = yardstickRow('', dealNotification(4711)) as string[];
const INSERT_SCRIPT = `
\\set n random(0, ${RECIPIENTS - 1})
INSERT INTO yardstick (recipient_id, type, title, body, url, data)
VALUES ('user ' || :n, '${type}', '${title}', '${body}', '/deals/' || :n, '${JSON.stringify(data)}');
`;

export const durableThroughput: Scenario = new DurableThroughput();
