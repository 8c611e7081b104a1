import { MoreThanOrEqual } from 'typeorm';
import { invalid } from '../invalid.js';
import type { NotificationsDataSource } from './database.js';
import { MAX_ATTEMPTS } from './outbox-line.statement.js';
import { toNotificationsError } from './postgres-error.js';
import { untilUnlocked } from './until-unlocked.js';

/** A row of the outbox that the relay has given up on. */
export interface ParkedRow {
  pos: number;
  createdAt: Date;
  payload: unknown;
  /** Why Postgres or the limits refused it. */
  error: string | null;
}

/** For operators: the rows of the outbox that the relay has given up on. They stop nothing, and stay until somebody acts. */
export class ParkedNotifications {
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly wake: () => void,
  ) {}

  /** Oldest first. @param limit 1–1,000, @default 100 */
  async list({ limit = 100, after = 0 }: { limit?: number; after?: number } = {}): Promise<ParkedRow[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) invalid('limit', 'must be between 1 and 1,000.');
    if (!isPosition(after)) invalid('after', 'must be the position of a parked row.');
    const statement = {
      name: 'parked_list',
      // As text: a host may have parsers of its own for timestamps and JSON, and pg's parsers are the process's.
      text: `
        SELECT pos, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
          payload::text AS payload, last_error
        FROM ${this.database.quotedSchema}.outbox WHERE attempts >= ${MAX_ATTEMPTS} AND pos > $1 ORDER BY pos LIMIT $2`,
    };
    type Row = { pos: string; created_at: string; payload: string; last_error: string | null };
    const rows = await this.whenUnlocked(() => this.database.run<Row>(statement, [after, limit]));
    return rows.map((row) => ({
      pos: Number(row.pos),
      createdAt: new Date(row.created_at),
      payload: JSON.parse(row.payload),
      error: row.last_error,
    }));
  }

  /** Lets the relay try them again. @returns how many were parked. */
  async retry(positions: number[]): Promise<number> {
    const update = this.table
      .createQueryBuilder()
      .update()
      .set({ attempts: 0, lastError: null, retryAt: null })
      .where('pos = ANY (:positions)', { positions: positionsOf(positions) })
      .andWhere({ attempts: MoreThanOrEqual(MAX_ATTEMPTS) });
    const { affected } = await this.whenUnlocked(() => update.execute());
    this.wake();
    return affected ?? 0;
  }

  /** Deletes them. @returns how many were parked. */
  async discard(positions: number[]): Promise<number> {
    const removal = this.table
      .createQueryBuilder()
      .delete()
      .where('pos = ANY (:positions)', { positions: positionsOf(positions) })
      .andWhere({ attempts: MoreThanOrEqual(MAX_ATTEMPTS) });
    const { affected } = await this.whenUnlocked(() => removal.execute());
    return affected ?? 0;
  }

  private async whenUnlocked<T>(work: () => Promise<T>): Promise<T> {
    return await untilUnlocked(work, () => this.database.checkEnding()).catch(refuse);
  }

  private get table() {
    return this.database.getRepository(this.database.tables.outbox);
  }
}

function positionsOf(positions: unknown): number[] {
  if (Array.isArray(positions) && [...positions].every(isPosition)) return positions;
  invalid('positions', 'must be a list of positions, as list() gives them.');
}

function isPosition(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function refuse(error: unknown): never {
  throw toNotificationsError(error);
}
