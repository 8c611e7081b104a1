import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { NotificationsError } from '../notifications.error.js';
import { currentContext } from '../own-context.js';
import type { Payload } from '../payload.js';
import { type CallLimit, withDeadline } from './call-limit.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { InboxTurns } from './inbox-turns.js';
import { isConflict, isLockTimeout, sqlState, toNotificationsError } from './postgres-error.js';

/**
 * What waits for the relay: messages of transactions that may still roll back, later ones, large ones. Writing here
 * takes no lock that anybody waits for.
 */
export class Outbox {
  /** Runners with a transaction that has written here. */
  private readonly pending = new WeakSet<QueryRunner>();
  /** Runners whose COMMIT or ROLLBACK is under way: what is sent after it would be a transaction of its own. */
  private readonly ending = new WeakSet<QueryRunner>();
  /** DataSources that tell us of their commits. */
  private readonly watched = new Set<DataSource>();
  private closed = false;
  private readonly inOwnContext = currentContext();
  /** Calls that found the table locked. */
  private readonly turns: InboxTurns;
  private readonly sameDatabase = new WeakMap<DataSource, Promise<boolean>>();
  private readonly subscriber: EntitySubscriberInterface = {
    beforeTransactionCommit: ({ queryRunner }) => this.onEnding(queryRunner),
    beforeTransactionRollback: ({ queryRunner }) => this.onEnding(queryRunner),
    afterTransactionRollback: ({ queryRunner }) => void this.ending.delete(queryRunner),
    afterTransactionCommit: ({ queryRunner }) => {
      this.ending.delete(queryRunner);
      // Also called for a released savepoint, when the transaction around it is still active. Whatever is thrown here
      // would reject a transaction that has already been committed.
      if (queryRunner.isTransactionActive || !this.pending.delete(queryRunner)) return;
      this.onReady();
    },
  };

  /**
   * @param host the DataSource that `database` was derived from.
   * @param onReady is called when there is something to relay. It must not throw.
   * @param limit of calls without a manager; that of the direct delivery is the same one.
   */
  constructor(
    private readonly database: NotificationsDataSource,
    host: DataSource,
    private readonly onReady: () => void,
    private readonly limit: CallLimit,
  ) {
    this.turns = new InboxTurns(() => this.database.checkEnding(), this.limit.timeoutMs);
    this.sameDatabase.set(host, Promise.resolve(true));
    // From the start: a call that nobody awaits may be the first of a transaction that is just rolling back.
    if (host.isInitialized) this.watch(host);
  }

  /** Stores a payload; it becomes visible to the relay with the commit of `manager`'s transaction. */
  async add(payload: Payload, options: { manager?: EntityManager; deliverAt?: string } = {}): Promise<void> {
    const { manager, deliverAt = null } = options;
    const text = `INSERT INTO ${this.database.quotedSchema}.outbox (payload, deliver_at) VALUES ($1::jsonb, $2::timestamptz)`;
    const values: [string, string | null] = [JSON.stringify(payload), deliverAt];
    if (!manager) {
      await this.addByItself({ name: 'outbox_add', text }, values);
      return this.onReady();
    }
    await this.check(manager);
    const runner = manager.queryRunner;
    if (runner?.isTransactionActive) {
      if (this.ending.has(runner)) throw transactionOver();
      this.watch(manager.connection);
      this.pending.add(runner);
      await query(manager, text, values);
    } else {
      await query(manager, text, values);
      this.onReady();
    }
  }

  private async addByItself(statement: Statement, values: [string, string | null]): Promise<void> {
    const { length } = values[0];
    this.limit.admit(length);
    const added = this.whenUnlocked(() => this.database.run(statement, values)).finally(() =>
      this.limit.release(length),
    );
    await withDeadline(this.limit.timeoutMs, added).catch(refuse);
  }

  /** While somebody has locked the table one call at a time tries: deliveries need the other connections. */
  private async whenUnlocked<T>(work: () => Promise<T>): Promise<T> {
    if (this.turns.isBusy(TABLE)) return await this.turns.run(TABLE, work);
    try {
      return await work();
    } catch (error) {
      if (!isLockTimeout(error)) throw error;
      return await this.turns.run(TABLE, work);
    }
  }

  /** Stops listening to commits of the host. */
  close(): void {
    this.closed = true;
    for (const dataSource of this.watched) {
      const index = dataSource.subscribers.indexOf(this.subscriber);
      if (index !== -1) dataSource.subscribers.splice(index, 1);
    }
    this.watched.clear();
  }

  private onEnding(runner: QueryRunner): void {
    // A savepoint ends too; then the transaction around it goes on.
    const { transactionDepth = 1 } = runner as unknown as { transactionDepth?: number };
    if (transactionDepth <= 1) this.ending.add(runner);
  }

  private watch(dataSource: DataSource): void {
    // A hook of the host may still notify in a transaction while it shuts down: another instance delivers that.
    if (this.closed || dataSource.subscribers.includes(this.subscriber)) return;
    this.watched.add(dataSource);
    dataSource.subscribers.push(this.subscriber);
  }

  /** @throws {NotificationsError} `TRANSACTION_OVER` or `WRONG_DATABASE`; the caller's transaction is left as it was. */
  private async check(manager: EntityManager): Promise<void> {
    if (manager.queryRunner?.isReleased) throw transactionOver();
    const dataSource = manager.connection;
    let same = this.sameDatabase.get(dataSource);
    if (!same) {
      same = this.inOwnContext(() => this.compare(manager));
      this.sameDatabase.set(dataSource, same);
      same.catch(() => this.sameDatabase.delete(dataSource));
    }
    if (await same) {
      // While this was found out, a transaction that doesn't wait for us may have ended.
      if (manager.queryRunner?.isReleased) throw transactionOver();
      return;
    }
    throw new NotificationsError(
      'WRONG_DATABASE',
      '`manager` belongs to another database than the notifications, so that one transaction cannot hold both. Use a manager of the DataSource that is named in the option dataSource, or leave `manager` out.',
    );
  }

  /** Two DataSources may write one address in many ways; a server's start, a database's and a schema's oid are unique. */
  private async compare(manager: EntityManager): Promise<boolean> {
    if (manager.connection.options.type !== 'postgres') return false;
    const text = `SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()), n.oid,
        (SELECT oid FROM pg_database WHERE datname = current_database())) AS identity
      FROM pg_namespace n WHERE nspname = $1`;
    const statement = { name: 'identity', text };
    const [ours] = await this.database.run<{ identity: string }>(statement, [this.database.schema]).catch(refuse);
    const [theirs] = await query<{ identity: string }>(manager, text, [this.database.schema]);
    return ours !== undefined && ours.identity === theirs?.identity;
  }
}

const TABLE = { tenant: '', recipient: '' };

/** Runs a statement of ours in the caller's transaction. */
async function query<Row>(manager: EntityManager, text: string, values: unknown[]): Promise<Row[]> {
  try {
    return await manager.query(text, values);
  } catch (error) {
    if ((error as Error).name === 'QueryRunnerAlreadyReleasedError') throw transactionOver(error);
    if (sqlState(error) === IN_FAILED_TRANSACTION) {
      const message =
        'The transaction of `manager` has failed: Postgres has refused a statement of it, and takes no more. Let it roll back.';
      throw new NotificationsError('TRANSACTION_OVER', message, { cause: error });
    }
    // Whoever repeats transactions after a serialization failure or a deadlock knows them by Postgres' own error.
    if (isConflict(error)) throw error;
    throw toNotificationsError(error);
  }
}

const IN_FAILED_TRANSACTION = '25P02';

function transactionOver(cause?: unknown): NotificationsError {
  const message =
    'The transaction of `manager` has ended, so the notification can no longer be part of it. Await notify() inside the transaction, or leave `manager` out.';
  return new NotificationsError('TRANSACTION_OVER', message, { cause });
}

function refuse(error: unknown): never {
  throw toNotificationsError(error);
}
