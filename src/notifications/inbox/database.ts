import type { EventEmitter } from 'node:events';
import { DataSource, type DataSourceOptions, type Migration, MigrationExecutor, type QueryRunner } from 'typeorm';
import type { PostgresAddress } from '../broker/broker.js';
import { NotificationsError } from '../notifications.error.js';
import { addressOf, connectionOf, type PostgresOptions } from './connection-options.js';
import { createEntities } from './entities.js';
import { type Lane, Lanes } from './lanes.js';
import { createMigrations } from './migrations.js';
import { sqlState } from './postgres-error.js';

/** A statement with a name, so that each connection parses and plans it once. */
export interface Statement {
  name: string;
  text: string;
}

/** Runs a statement, on one connection of the pool or in a transaction. */
export type Run = <Row>(statement: Statement, values?: unknown[]) => Promise<Row[]>;

/** What TypeORM's command line passes on. */
interface MigrationOptions {
  transaction?: 'all' | 'none' | 'each';
  fake?: boolean;
}

const INSUFFICIENT_PRIVILEGE = '42501';
const MIGRATION_TIMEOUT_MS = 600_000;
const LOCK = { name: 'lock', text: 'SELECT pg_advisory_lock(hashtextextended(current_database() || $1, 0))' };
const UNLOCK = { name: 'unlock', text: 'SELECT pg_advisory_unlock(hashtextextended(current_database() || $1, 0))' };

/**
 * The module's own DataSource: the host's database, never the host's pool. With a shared pool four transactions of the
 * host that each await a `notify()` would wait for each other for ever.
 */
export class NotificationsDataSource extends DataSource {
  readonly schema: string;
  readonly tables: ReturnType<typeof createEntities>;
  private readonly lanes: Lanes;
  private closed = false;

  /**
   * @param host how to reach Postgres: the options of the host's DataSource. With replication, its master.
   * @param options `schema`: the schema of the module's tables; `poolSize`: connections at most.
   */
  constructor(host: DataSourceOptions, options: { schema?: string; poolSize?: number } = {}) {
    const { schema = 'notifications', poolSize = 4 } = options;
    if (host.type !== 'postgres') {
      throw new NotificationsError(
        'INVALID_OPTIONS',
        `Notifications need Postgres, but the DataSource is of type '${host.type}'. Name another one in the option dataSource.`,
      );
    }
    const tables = createEntities(schema);
    super({
      ...connectionOf(host, poolSize),
      schema,
      entities: Object.values(tables),
      migrations: createMigrations(schema),
      migrationsTableName: 'migration',
      synchronize: false,
    });
    this.schema = schema;
    this.tables = tables;
    this.lanes = new Lanes(poolSize);
  }

  /**
   * Connects, and brings the tables up to date or makes sure that they are.
   *
   * @throws {NotificationsError} `INVALID_OPTIONS` if they aren't and `autoMigrate` is off, or the role may not.
   */
  static async start(
    host: DataSourceOptions,
    options: { schema: string; poolSize: number; autoMigrate: boolean },
  ): Promise<NotificationsDataSource> {
    const database = new NotificationsDataSource(host, options);
    await database.initialize();
    try {
      if (options.autoMigrate) await database.runMigrations();
      else await database.checkMigrations();
    } catch (error) {
      await database.destroy();
      if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) throw error;
      throw new NotificationsError(
        'INVALID_OPTIONS',
        `NotificationsModule: its role has too few rights for the tables in schema '${options.schema}': ${(error as Error).message}. Make it the owner of that schema; or let another role call runNotificationsMigrations(), and GRANT this one USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on its tables.`,
        { cause: error },
      );
    }
    return database;
  }

  /** Connects. */
  override async initialize(): Promise<this> {
    await super.initialize();
    listenToErrors(this);
    return this;
  }

  /** Names the instances that share these tables, for brokers that know nothing of Postgres. */
  get channel(): string {
    const { database } = this.driver;
    return `${database}.${this.schema}`;
  }

  /** How `pg` reaches this database, for connections that are no part of the pool. */
  get address(): PostgresAddress {
    return addressOf(this.options as PostgresOptions);
  }

  /**
   * Runs one statement, autocommitted, as a named prepared statement; TypeORM's own `query()` would parse it anew.
   *
   * @param lane what it is for; none for deliveries, which wait for no lane.
   */
  readonly run = async <Row>(statement: Statement, values: unknown[] = [], lane?: Lane): Promise<Row[]> => {
    if (lane) return await this.lanes.run(lane, () => this.run<Row>(statement, values));
    this.checkOpen();
    const runner = this.createQueryRunner();
    try {
      return await execute<Row>(runner, statement, values);
    } finally {
      await runner.release();
    }
  };

  /**
   * Runs several statements in one transaction; each sees what was committed before it began.
   *
   * @param lane as with {@link run}.
   */
  async inTransaction<T>(work: (run: Run) => Promise<T>, lane?: Lane): Promise<T> {
    if (lane) return await this.lanes.run(lane, () => this.inTransaction(work));
    this.checkOpen();
    const runner = this.createQueryRunner();
    try {
      await runner.startTransaction();
      const result = await work((statement, values = []) => execute(runner, statement, values));
      await runner.commitTransaction();
      return result;
    } catch (error) {
      // The connection may be gone: then Postgres has rolled back by itself, and the first error is the one that tells.
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }

  /** Closes the pool. What is asked of it from then on is refused as `CLOSED`. */
  override async destroy(): Promise<void> {
    this.closed = true;
    await super.destroy();
  }

  /** Creates the schema if it is absent, and brings its tables up to date. Instances that start at once wait in turn. */
  override async runMigrations(options?: MigrationOptions): Promise<Migration[]> {
    return await this.underMigrationLock(options, (executor) => executor.executePendingMigrations());
  }

  /** Undoes the newest migration, under the same lock. */
  override async undoLastMigration(options?: MigrationOptions): Promise<void> {
    await this.underMigrationLock(options, (executor) => executor.undoLastMigration());
  }

  /** Under the same lock, which creates the schema first: TypeORM wants a table of its own there, even to say "none". */
  override async showMigrations(): Promise<boolean> {
    return await this.underMigrationLock({}, (executor) => executor.showMigrations());
  }

  private checkOpen(): void {
    if (!this.closed) return;
    throw new NotificationsError('CLOSED', 'The application has shut down: the notifications are out of reach.');
  }

  private async checkMigrations(): Promise<void> {
    const [{ missing }] = await this.query('SELECT to_regclass($1) IS NULL AS missing', [`${this.schema}.migration`]);
    if (!missing && !(await this.showMigrations())) return;
    throw new NotificationsError(
      'INVALID_OPTIONS',
      `The tables in schema '${this.schema}' are not up to date, and autoMigrate is off. Call runNotificationsMigrations() in the pipeline before the application starts.`,
    );
  }

  private async underMigrationLock<T>(
    { transaction = 'each', fake = false }: MigrationOptions = {},
    work: (executor: MigrationExecutor) => Promise<T>,
  ): Promise<T> {
    const runner = this.createQueryRunner();
    const lock = lockName(this.schema, 'migrate');
    try {
      // Twenty instances may start on an empty database: nineteen wait here, longer than any other statement may.
      await runner.query(`SET statement_timeout = ${MIGRATION_TIMEOUT_MS}`);
      await execute(runner, LOCK, [lock], MIGRATION_TIMEOUT_MS);
      try {
        const [found] = await runner.query('SELECT true FROM pg_namespace WHERE nspname = $1', [this.schema]);
        if (!found) await runner.query(`CREATE SCHEMA IF NOT EXISTS ${this.schema}`);
        const executor = new MigrationExecutor(this, runner);
        return await work(Object.assign(executor, { transaction, fake }));
      } finally {
        await execute(runner, UNLOCK, [lock]);
        await runner.query('RESET statement_timeout');
      }
    } finally {
      await runner.release();
    }
  }
}

/**
 * Brings the module's tables up to date, for a pipeline of the host's that runs before its instances start (which then
 * have `autoMigrate: false`). Safe to run anywhere, any number of times, at the same time.
 *
 * @param host the host's DataSource or its options; only what is needed to connect is taken of it.
 */
export async function runNotificationsMigrations(
  host: DataSource | DataSourceOptions,
  options: { schema?: string } = {},
): Promise<void> {
  const database = new NotificationsDataSource(host instanceof DataSource ? host.options : host, {
    ...options,
    poolSize: 1,
  });
  await database.initialize();
  try {
    await database.runMigrations();
  } finally {
    await database.destroy();
  }
}

/** The name of an advisory lock. It holds the schema; whoever hashes it adds the database. */
export function lockName(schema: string, purpose: string): string {
  return `.${schema}.nestjs-crm-notifications.${purpose}`;
}

/**
 * Between the moment in which the pool hands a client out and the one in which TypeORM listens to it nobody does, and a
 * backend that is terminated just then would end the process. The error itself comes again with the first query.
 */
function listenToErrors({ driver }: DataSource): void {
  const { master: pool } = driver as unknown as { master: EventEmitter };
  pool.on('acquire', (client: EventEmitter) => {
    if (!client.listeners('error').includes(ignore)) client.on('error', ignore);
  });
}

function ignore(): void {}

async function execute<Row>(
  runner: QueryRunner,
  statement: Statement,
  values: unknown[],
  query_timeout?: number,
): Promise<Row[]> {
  const client: { query(config: object): Promise<{ rows: Row[] }> } = await runner.connect();
  const { rows } = await client.query({ ...statement, values, query_timeout });
  return rows;
}
