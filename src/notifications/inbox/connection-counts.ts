import { randomUUID } from 'node:crypto';
import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import { NotificationsError } from '../notifications.error.js';
import { Periodic } from '../periodic.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { untilUnlocked } from './until-unlocked.js';

const REPORT_MS = 3_000;
const LANE = 'background';
/** Nobody waits longer for a number. */
const TOTAL_MS = 2_000;
/** An instance that has told nothing for so long is taken to be gone. */
export const ALIVE_SECONDS = 30;
/** It signs its messages. Instances of the version before don't, and leave the column empty. */
const PROTOCOL = 1;

export interface ConnectionCount extends InboxKey {
  connections: number;
}

/** What is counted: the streams of this instance. */
export interface Counted {
  /** The recipients whose number has changed since the last call, and, if asked for, all others; 0 for those that left. */
  takeChangedCounts(all: boolean): ConnectionCount[];
  /** Puts back what could not be told. */
  returnChangedCounts(counts: readonly ConnectionCount[]): void;
}

/** Tells the other instances how many streams there are here, through Postgres: no broker needs to be asked. */
export class ConnectionCounts {
  private readonly instance = randomUUID();
  private readonly sql: ReturnType<typeof countStatements>;
  private readonly reports: Periodic;
  /** Nothing of what this instance has told is known any more, as at the start. */
  private isUnknown = true;
  /** What is being asked, by whom it is about. */
  private readonly asking = new Map<string, Promise<number>>();
  private lastAsked: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly database: NotificationsDataSource,
    private readonly counted: Counted,
    onError: (error: unknown) => void,
  ) {
    this.sql = countStatements(database.quotedSchema);
    this.reports = new Periodic(REPORT_MS, () => this.report(), onError);
  }

  start(): void {
    this.reports.start(Math.random() * REPORT_MS);
  }

  /**
   * All instances' streams, of one recipient or of all; as old as the last report of each.
   *
   * @throws {NotificationsError} `DATABASE_UNAVAILABLE` when Postgres takes longer than two seconds.
   */
  async total(key?: InboxKey): Promise<number> {
    const name = key ? nameOf(key) : '';
    let asking = this.asking.get(name);
    if (!asking) {
      // One at a time: a page that shows numbers must not take the connections that deliver.
      const deadline = performance.now() + TOTAL_MS;
      asking = this.lastAsked
        .then(() => (performance.now() < deadline ? this.ask(key) : Promise.reject(tooSlow())))
        .finally(() => this.asking.delete(name));
      this.asking.set(name, asking);
      this.lastAsked = asking.catch(() => undefined);
    }
    return await soon(asking);
  }

  /** This instance has no streams any more. */
  async close(): Promise<void> {
    await this.reports.close();
    // Postgres may be down: then the others find out by the silence.
    await this.database.run(this.sql.forget, [this.instance], LANE).catch(() => undefined);
  }

  private async ask(key?: InboxKey): Promise<number> {
    const [statement, values] = key ? [this.sql.totalOf, [key.tenant, key.recipient]] : [this.sql.total, []];
    const [row] = await untilUnlocked(
      () => this.database.run<{ total: string }>(statement, values, LANE),
      () => this.database.checkEnding(),
      performance.now() + TOTAL_MS,
    );
    return Number(row?.total ?? 0);
  }

  private async report(): Promise<void> {
    const changed = this.counted.takeChangedCounts(this.isUnknown);
    try {
      const columns = [
        changed.map((count) => count.tenant),
        changed.map((count) => count.recipient),
        changed.map((count) => count.connections),
      ];
      const values = [this.instance, ...columns];
      const [answer] = await this.database.run<{ is_new: boolean }>(this.sql.report, values, LANE);
      // Postgres has crashed, or we were silent for long: what was told before is gone.
      const isUnknown = answer?.is_new === true && !this.isUnknown;
      this.isUnknown = isUnknown;
      if (isUnknown) await this.report();
    } catch (error) {
      this.counted.returnChangedCounts(changed);
      throw error;
    }
  }
}

async function soon(answer: Promise<number>): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow()), TOTAL_MS);
    timer.unref();
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooSlow(): NotificationsError {
  const message = `Postgres took longer than ${TOTAL_MS} ms to count the connections. Ask again later.`;
  return new NotificationsError('DATABASE_UNAVAILABLE', message);
}

function countStatements(s: string) {
  const alive = `seen_at > now() - interval '${ALIVE_SECONDS} seconds'`;
  return {
    /**
     * $1: the instance; $2, $3, $4: tenants, recipients and their numbers. Instances long gone are forgotten on the way;
     * one whose row is locked is telling something right now, and two that come back at once would wait for each other.
     */
    report: {
      name: 'counts_report',
      text: `
        WITH here AS (
          INSERT INTO ${s}.instance (id, protocol) VALUES ($1, ${PROTOCOL})
          ON CONFLICT (id) DO UPDATE SET seen_at = now(), protocol = excluded.protocol
          RETURNING xmax = 0 AS is_new),
        gone AS (
          DELETE FROM ${s}.instance WHERE id IN (
            SELECT id FROM ${s}.instance WHERE seen_at < now() - interval '${10 * ALIVE_SECONDS} seconds' AND id <> $1
            FOR UPDATE SKIP LOCKED)
          RETURNING id),
        swept AS (DELETE FROM ${s}.connection_count c USING gone WHERE c.instance_id = gone.id),
        counts AS (SELECT * FROM unnest($2::text[], $3::text[], $4::int[]) u(tenant_id, recipient_id, connections)),
        left_behind AS (
          DELETE FROM ${s}.connection_count c USING counts u
          WHERE c.instance_id = $1 AND c.tenant_id = u.tenant_id AND c.recipient_id = u.recipient_id AND u.connections = 0),
        told AS (
          INSERT INTO ${s}.connection_count (instance_id, tenant_id, recipient_id, connections)
          SELECT $1, tenant_id, recipient_id, connections FROM counts WHERE connections > 0
          ON CONFLICT (tenant_id, recipient_id, instance_id) DO UPDATE SET connections = excluded.connections)
        SELECT is_new FROM here`,
    },
    forget: {
      name: 'counts_forget',
      text: `
        WITH gone AS (DELETE FROM ${s}.instance WHERE id = $1 RETURNING id)
        DELETE FROM ${s}.connection_count c USING gone WHERE c.instance_id = gone.id`,
    },
    total: {
      name: 'counts_total',
      text: `
        SELECT coalesce(sum(c.connections), 0) AS total
        FROM ${s}.connection_count c JOIN ${s}.instance i ON i.id = c.instance_id WHERE i.${alive}`,
    },
    totalOf: {
      name: 'counts_total_of',
      text: `
        SELECT coalesce(sum(c.connections), 0) AS total
        FROM ${s}.connection_count c JOIN ${s}.instance i ON i.id = c.instance_id
        WHERE c.tenant_id = $1 AND c.recipient_id = $2 AND i.${alive}`,
    },
  } satisfies Record<string, Statement>;
}
