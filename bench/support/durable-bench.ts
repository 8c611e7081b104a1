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

/** A database whose schema one version of the library has made, with a CRM on it for each broker. */
export interface CrmDatabase {
  readonly client: pg.Client;
  readonly crms: ReadonlyMap<CrmOptions['broker'], Worker<CrmTasks>>;
}

interface CrmDatabaseOptions {
  /** The URL of the library's public entry. */
  library: string;
  brokers: readonly CrmOptions['broker'][];
  /** What {@link DurableBench.settle} empties. @default nothing */
  tables?: readonly string[];
  /** Fills the database, once its schema is there. */
  fill(client: pg.Client): Promise<unknown>;
}

/** One Postgres, and the processes that write to it by turns. */
export class DurableBench {
  private readonly workers: { end(): Promise<void> }[] = [];
  private readonly clients: pg.Client[] = [];
  private readonly crmDatabases = new Map<string, Promise<CrmDatabase>>();
  private readonly emptied: { client: pg.Client; tables: readonly string[] }[] = [];

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

  /**
   * CRMs with our notifications, on a database of their own, because each version of the library has its own schema.
   * Starts them for the first who asks for this name.
   */
  async crmDatabase(name: string, options: CrmDatabaseOptions): Promise<CrmDatabase> {
    const key = `${name} ${options.library}`;
    const database = this.crmDatabases.get(key) ?? this.startCrmDatabase(options);
    this.crmDatabases.set(key, database);
    return await database;
  }

  /** The yardstick's table, and who writes to it. */
  async startYardstick(postgresUrl: string): Promise<Worker<YardstickTasks>> {
    const client = await this.connect(postgresUrl);
    await client.query(YARDSTICK_TABLE);
    this.emptied.push({ client, tables: ['yardstick'] });
    return await this.start(new URL('./yardstick-worker.ts', import.meta.url), { postgresUrl });
  }

  /** Empties what turns fill, and writes to disk what is still to be written, so that no turn pays for another. */
  async settle(): Promise<void> {
    for (const { client, tables } of this.emptied) await client.query(`TRUNCATE ${tables.join(', ')}`);
    await this.emptied[0]?.client.query('CHECKPOINT');
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
    await Promise.all(this.clients.map((client) => client.end()));
    await this.postgres.dispose();
  }

  private async startCrmDatabase({ library, brokers, tables, fill }: CrmDatabaseOptions): Promise<CrmDatabase> {
    const postgresUrl = await this.createDatabase(`crm_${this.crmDatabases.size}`);
    const client = await this.connect(postgresUrl);
    const crms = new Map<CrmOptions['broker'], Worker<CrmTasks>>();
    for (const broker of brokers) {
      const options: CrmOptions = { postgresUrl, broker, library };
      crms.set(broker, await this.start(new URL('./crm-worker.ts', import.meta.url), options));
    }
    await fill(client);
    if (tables) this.emptied.push({ client, tables });
    return { client, crms };
  }

  private async start<T extends CrmTasks | YardstickTasks>(file: URL, options: object): Promise<Worker<T>> {
    const worker = await Worker.start<T>(file, options);
    this.workers.push(worker);
    return worker;
  }
}
