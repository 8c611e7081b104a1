import pg from 'pg';
import { type PrivatePostgres, startPrivatePostgres } from '../../test/support/postgres-server.js';
import { issueRunToken } from '../../test/support/run-token.js';
import type { CrmOptions, CrmTasks } from './crm-worker.js';
import { Worker } from './worker.js';
import { YARDSTICK_TABLE } from './yardstick-table.js';
import type { YardstickTasks } from './yardstick-worker.js';

/**
 * A Postgres that keeps what it commits. Checkpoints come between the turns, where `settle()` asks for them: one that
 * comes by itself would slow down whoever has his turn just then.
 */
const SETTINGS = {
  fsync: 'on',
  shared_buffers: '1GB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  autovacuum_naptime: '5s',
};

/** One Postgres, and the processes that write to it by turns. */
export class DurableBench {
  private readonly workers: { end(): Promise<void> }[] = [];
  private readonly clients: pg.Client[] = [];

  private constructor(private readonly postgres: PrivatePostgres) {}

  static async start(): Promise<DurableBench> {
    issueRunToken();
    return new DurableBench(await startPrivatePostgres(SETTINGS));
  }

  /** @returns the URL of a database that was not there before. */
  async createDatabase(name: string): Promise<string> {
    const client = await this.connect(this.postgres.url);
    await client.query(`CREATE DATABASE ${name}`);
    return Object.assign(new URL(this.postgres.url), { pathname: `/${name}` }).href;
  }

  async connect(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    this.clients.push(client);
    return client;
  }

  /** A CRM with our notifications. */
  async startCrm(options: CrmOptions): Promise<Worker<CrmTasks>> {
    return await this.start(new URL('./crm-worker.ts', import.meta.url), options);
  }

  /** The yardstick's table, and who writes to it. */
  async startYardstick(postgresUrl: string): Promise<Worker<YardstickTasks>> {
    const client = await this.connect(postgresUrl);
    await client.query(YARDSTICK_TABLE);
    return await this.start(new URL('./yardstick-worker.ts', import.meta.url), { postgresUrl });
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
    await Promise.all(this.clients.map((client) => client.end()));
    await this.postgres.dispose();
  }

  private async start<T extends CrmTasks | YardstickTasks>(file: URL, options: object): Promise<Worker<T>> {
    const worker = await Worker.start<T>(file, options);
    this.workers.push(worker);
    return worker;
  }
}

/** Empties these tables, and writes to disk what is still to be written, so that no turn pays for another. */
export async function settle(client: pg.Client, tables: readonly string[]): Promise<void> {
  await client.query(`TRUNCATE ${tables.join(', ')}`);
  await client.query('CHECKPOINT');
}
