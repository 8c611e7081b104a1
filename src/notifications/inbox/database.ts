import type { EventEmitter } from 'node:events';
import { DataSource, type DataSourceOptions, type Migration, MigrationExecutor, type QueryRunner } from 'typeorm';
import type { PostgresAddress } from '../broker/broker.js';
import { isDataSource } from '../data-source-form.js';
import { NotificationsError } from '../notifications.error.js';
import { currentContext } from '../own-context.js';
import { type SessionClient, surviveErrors } from '../postgres-session.js';
import { OwnConnections } from './connection-options.js';
import { createEntities } from './entities.js';
import { type Lane, Lanes } from './lanes.js';
import { underMigrationLock } from './migration-lock.js';
import { MigrationWait } from './migration-wait.js';
import { createMigrations } from './migrations.js';
import { sqlState } from './postgres-error.js';
import { isSchemaName, quoteSchema, SCHEMA_RULE } from './schema-name.js';
import { checkVersion, connectErrorOf, IDENTITY, type ServerIdentity } from './server-identity.js';
import { closed, StatementLimit } from './statement-limit.js';

/** A statement with a name, so that each connection parses and plans it once. */
export interface Statement {
  name: string;
  text: string;
}

/** Runs a statement, on one connection of the pool or in a transaction. */
export type Run = <Row>(statement: Statement, values?: unknown[]) => Promise<Row[]>;

interface DatabaseOptions {
  /** The schema of the module's tables. @default 'notifications' */
  schema?: string;
  /** Connections at most. @default 4 */
  poolSize?: number;
  /** Is told what a start waits for, every half a minute. */
  onWait?: (reason: string) => void;
}

/** What TypeORM's command line passes on. */
interface MigrationOptions {
  transaction?: 'all' | 'none' | 'each';
  fake?: boolean;
}

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * The module's own DataSource: the host's database, never the host's pool. With a shared pool four transactions of the
 * host that each await a `notify()` would wait for each other for ever.
 */
export class NotificationsDataSource extends DataSource {
  readonly schema: string;
  /** As statements name it. */
  readonly quotedSchema: string;
  readonly tables: ReturnType<typeof createEntities>;
  private readonly limit: StatementLimit;
  private readonly onWait: (reason: string) => void;
  private readonly lanes: Lanes;
  private readonly connections: OwnConnections;
  private server?: ServerIdentity;
  /** For what outlasts a call: the pool's timer of a connection that is idle. */
  private readonly inOwnContext = currentContext();

  /**
   * @param host how to reach Postgres: the options of the host's DataSource. With replication, its master.
   */
  constructor(host: DataSourceOptions, options: DatabaseOptions = {}) {
    const { schema = 'notifications', poolSize = 4, onWait = () => {} } = options;
    if (host.type !== 'postgres') {
      throw new NotificationsError(
        'INVALID_OPTIONS',
        `Notifications need Postgres, but the DataSource is of type '${host.type}'. Name another one in the option dataSource.`,
      );
    }
    if (!isSchemaName(schema)) {
      throw new NotificationsError('INVALID_OPTIONS', `schema must be ${SCHEMA_RULE}, not ${JSON.stringify(schema)}.`);
    }
    const tables = createEntities(schema);
    const limit = new StatementLimit();
    const connections = new OwnConnections(poolSize, (stream) => limit.socketsOf(stream));
    super({
      ...connections.optionsFor(host),
      schema,
      entities: Object.values(tables),
      migrations: createMigrations(schema),
      migrationsTableName: 'migration',
      synchronize: false,
    });
    this.schema = schema;
    this.quotedSchema = quoteSchema(schema);
    this.tables = tables;
    this.limit = limit;
    this.onWait = onWait;
    this.lanes = new Lanes(poolSize);
    this.connections = connections;
  }

  /**
   * Connects, and brings the tables up to date or makes sure that they are.
   *
   * @throws {NotificationsError} `INVALID_OPTIONS` if they aren't and `autoMigrate` is off, or the role may not.
   */
  static async start(
    host: DataSourceOptions,
    options: DatabaseOptions & { schema: string; poolSize: number; autoMigrate: boolean },
  ): Promise<NotificationsDataSource> {
    const database = new NotificationsDataSource(host, options);
    await database.initialize();
    try {
      if (options.autoMigrate) await database.runMigrations();
      else await database.checkMigrations();
    } catch (error) {
      await database.destroy();
      throw startErrorOf(error, options.schema);
    }
    return database;
  }

  /** Connects. @throws {NotificationsError} `INVALID_OPTIONS` if the server is older than Postgres 13. */
  override async initialize(): Promise<this> {
    await super.initialize().catch((error) => {
      throw connectErrorOf(error);
    });
    const { master: pool } = this.driver as unknown as { master: EventEmitter };
    // Between the moment in which the pool hands a client out and the one in which TypeORM listens to it nobody does.
    pool.on('acquire', (client: SessionClient) => surviveErrors(client));
    this.limit.watch(pool);
    try {
      const [server] = await this.query<[ServerIdentity]>(IDENTITY);
      checkVersion(server);
      this.server = server;
    } catch (error) {
      await this.destroy();
      throw error;
    }
    return this;
  }

  /** Names the instances that share these tables, for brokers that know nothing of Postgres. */
  get channel(): string {
    // As Postgres names it: there are many ways to say it in options.
    return `${this.server?.database}.${this.schema}`;
  }

  /** How `pg` reaches this database, for connections that are no part of the pool. */
  get address(): PostgresAddress {
    return this.connections.address;
  }

  /**
   * Runs one statement, autocommitted, as a named prepared statement; TypeORM's own `query()` would parse it anew.
   *
   * @param lane what it is for; none for deliveries, which wait for no lane.
   */
  readonly run = async <Row>(statement: Statement, values: unknown[] = [], lane?: Lane): Promise<Row[]> => {
    if (lane) return await this.lanes.run(lane, () => this.run<Row>(statement, values));
    return await this.limit.run(async () => {
      const runner = this.createQueryRunner();
      try {
        return await this.execute<Row>(runner, statement, values);
      } finally {
        await this.inOwnContext(() => runner.release());
      }
    });
  };

  /**
   * Runs several statements in one transaction; each sees what was committed before it began.
   *
   * @param lane as with {@link run}.
   */
  async inTransaction<T>(work: (run: Run) => Promise<T>, lane?: Lane): Promise<T> {
    if (lane) return await this.lanes.run(lane, () => this.inTransaction(work));
    return await this.limit.run(async (onAnswer) => {
      const runner = this.createQueryRunner();
      let isCommitting = false;
      try {
        await runner.startTransaction();
        const result = await work(async <Row>(statement: Statement, values: unknown[] = []) => {
          const rows = await this.execute<Row>(runner, statement, values);
          onAnswer();
          return rows;
        });
        isCommitting = true;
        await runner.commitTransaction();
        return result;
      } catch (error) {
        // The connection may be gone: then Postgres has rolled back by itself, and the first error is the one that tells.
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        if (!isCommitting) this.limit.check();
        throw error;
      } finally {
        await this.inOwnContext(() => runner.release());
      }
    });
  }

  /** For what waits for a lock. @throws {NotificationsError} `CLOSED` where the application shuts down */
  checkEnding(): void {
    if (this.limit.isEnding) throw closed();
  }

  /** The application begins to shut down: calls that hang are ended soon. See {@link StatementLimit.set}. */
  limitCalls(): void {
    this.limit.set();
  }

  /** Closes the pool. What is asked of it from then on is refused as `CLOSED`. */
  override async destroy(): Promise<void> {
    this.limit.end();
    await super.destroy();
  }

  /** Creates the schema if it is absent, and brings its tables up to date. Instances that start at once wait in turn. */
  override async runMigrations(options?: MigrationOptions): Promise<Migration[]> {
    return await this.migrate(options, (executor) => executor.executePendingMigrations());
  }

  /** Undoes the newest migration, under the same lock. */
  override async undoLastMigration(options?: MigrationOptions): Promise<void> {
    await this.migrate(options, (executor) => executor.undoLastMigration());
  }

  /** Under the same lock, which creates the schema first: TypeORM wants a table of its own there, even to say "none". */
  override async showMigrations(): Promise<boolean> {
    return await this.migrate({}, (executor) => executor.showMigrations());
  }

  private async checkMigrations(): Promise<void> {
    const [{ missing }] = await this.query('SELECT to_regclass($1) IS NULL AS missing', [
      `${this.quotedSchema}.migration`,
    ]);
    if (!missing && !(await this.showMigrations())) return;
    throw new NotificationsError(
      'INVALID_OPTIONS',
      `The tables in schema '${this.schema}' are not up to date, and autoMigrate is off. Call runNotificationsMigrations() in the pipeline before the application starts.`,
    );
  }

  private async execute<Row>(runner: QueryRunner, statement: Statement, values: unknown[]): Promise<Row[]> {
    const client: { query(config: object): Promise<{ rows: Row[] }> } = await runner.connect().catch((error) => {
      this.limit.check();
      throw error;
    });
    // The call may have waited for the connection.
    this.limit.check();
    const { rows } = await client.query({ ...statement, values });
    return rows;
  }

  private async migrate<T>(
    { transaction = 'each', fake = false }: MigrationOptions = {},
    work: (executor: MigrationExecutor) => Promise<T>,
  ): Promise<T> {
    const runner = this.createQueryRunner();
    const wait = new MigrationWait(this.onWait, () => this.limit.check());
    try {
      return await underMigrationLock(runner, lockName(this.schema, 'migrate'), wait, async () => {
        const [found] = await runner.query('SELECT true FROM pg_namespace WHERE nspname = $1', [this.schema]);
        if (!found) await runner.query(`CREATE SCHEMA IF NOT EXISTS ${this.quotedSchema}`);
        return await work(Object.assign(new MigrationExecutor(this, runner), { transaction, fake }));
      });
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
  const database = new NotificationsDataSource(isDataSource(host) ? host.options : host, {
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

/** What ends the start of an application, with the remedy where its role has too few rights. */
export function startErrorOf(error: unknown, schema: string): unknown {
  if (sqlState(error) !== INSUFFICIENT_PRIVILEGE) return error;
  return new NotificationsError(
    'INVALID_OPTIONS',
    `NotificationsModule: its role has too few rights for the tables in schema '${schema}': ${(error as Error).message}. Make it the owner of that schema; or let another role call runNotificationsMigrations(), and GRANT this one USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on its tables.`,
    { cause: error },
  );
}

/**
 * The name of an advisory lock. It holds the schema; whoever hashes it adds the database.
 *
 * @param schema as it is called, or as statements name it.
 */
export function lockName(schema: string, purpose: string): string {
  return `.${schema.replaceAll('"', '')}.nestjs-crm-notifications.${purpose}`;
}
