import type { NotificationsDataSource } from './database.js';
import { MAX_ATTEMPTS, outboxLineStatements } from './outbox-line.statement.js';
import { isConflict, isOfStatement, isRefusal, isUnanswered } from './postgres-error.js';

const ROWS_PER_READ = 500;
/** While all that is read is bad, more of it is read at once: what is good may stand behind a hundred thousand rows. */
const ROWS_PER_LONG_READ = 5_000;
const BYTES_PER_READ = 1024 * 1024;
/** Before the first position. */
export const START = '-1';
/** A position that no row has. */
export const NOWHERE = '-1';
/** Those that were never refused by themselves, from the oldest on, and as many from the newest on. */
const SUSPECTS_PER_CLAIM = 20;
/** Those that were refused once; as many that were refused twice, and so on. */
const REFUSED_PER_CLAIM = 3;

/** A row of the outbox whose turn it is. */
export interface LineRow {
  pos: string;
  /** JSON. */
  payload: string;
  /** The message of a row that is begun. */
  message_id: string | null;
  /** How many of its recipients have it. */
  progress: number;
  /** Since it was written or, scheduled, became due. */
  age_ms: number;
}

/** Why a row is not delivered now. */
export interface Setback {
  pos: string;
  error: unknown;
  /** Attempts that this costs. @default 0 */
  counts?: number;
  /** When it is tried again. @default by backoff: 250 ms after the first attempt, twice as long after each further one */
  waitMs?: number;
}

/** A row that has been given up. */
export interface Parked {
  pos: string;
  error: string;
}

/** The rows of the outbox that are to be delivered, in their order, and what is set aside from them. */
export class OutboxLine {
  private readonly sql: ReturnType<typeof outboxLineStatements>;

  constructor(private readonly database: NotificationsDataSource) {
    this.sql = outboxLineStatements(database.quotedSchema);
  }

  /**
   * Where the line is, whoever relays: `head` is null if there is no row in it.
   *
   * @param before the head at the look before. @returns `isFree`: it is the same, and nobody relays just now.
   */
  async look(before: string | null): Promise<{ head: string | null; isFree: boolean }> {
    const [row] = await this.database.run<{ head: string | null; is_free: boolean }>(this.sql.look, [before]);
    return { head: row?.head ?? null, isFree: row?.is_free === true };
  }

  /**
   * The next rows.
   *
   * @param except positions to pass over. @param long reads ten times as many. @param after starts behind this position.
   */
  async read(except: readonly string[], { long = false, after = START } = {}): Promise<LineRow[]> {
    const limit = long ? ROWS_PER_LONG_READ : ROWS_PER_READ;
    return await this.database.run<LineRow>(this.sql.read, [limit, BYTES_PER_READ, after, except]);
  }

  /**
   * Rows up to a position that were not there when the line was read so far.
   *
   * @param except those that were.
   */
  async readLate(upTo: string, except: readonly string[]): Promise<LineRow[]> {
    return await this.database.run<LineRow>(this.sql.readLate, [ROWS_PER_READ, BYTES_PER_READ, upTo, except]);
  }

  /**
   * Puts scheduled rows that have become due into the line, up to a hundred.
   *
   * @returns their positions. @param except leaves these. @param only takes this one alone.
   */
  async promote({ except = [], only }: { except?: readonly string[]; only?: string }): Promise<string[]> {
    const rows = await this.database.run<{ pos: string }>(this.sql.promote, [except, only ?? null]);
    return rows.map(({ pos }) => pos);
  }

  /** The scheduled rows that would be promoted next. */
  async findDue({ except }: { except: readonly string[] }): Promise<string[]> {
    return (await this.database.run<{ pos: string }>(this.sql.findDue, [except])).map(({ pos }) => pos);
  }

  /** Rows that were set aside and whose time has come. @param except leaves these. @param only takes this one alone. */
  async claimDue({ except = [], only }: { except?: readonly string[]; only?: string } = {}): Promise<LineRow[]> {
    const rows =
      only === undefined
        ? await this.database.run<LineRow>(this.sql.claimDue, [SUSPECTS_PER_CLAIM, REFUSED_PER_CLAIM, except])
        : await this.database.run<LineRow>(this.sql.claimOne, [only]);
    return rows.sort((a, b) => Number(a.pos) - Number(b.pos));
  }

  /** The rows that would be claimed next. */
  async findClaimable({ except }: { except: readonly string[] }): Promise<string[]> {
    const values = [SUSPECTS_PER_CLAIM, REFUSED_PER_CLAIM, except];
    return (await this.database.run<{ pos: string }>(this.sql.findClaimable, values)).map(({ pos }) => pos);
  }

  /**
   * Is a row to blame that a statement would have changed, by a trigger or a policy of the host? With an SQLSTATE that may
   * concern the table as well, the table is asked: a change of no row at all is then refused, too.
   */
  async isOfRow(error: unknown): Promise<boolean> {
    if (isRefusal(error) || isConflict(error)) return true;
    if (!isOfStatement(error) || isUnanswered(error)) return false;
    try {
      await this.setAside([{ pos: NOWHERE, error: null }]);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Takes rows out of the line, in one statement.
   *
   * @returns those that this has parked, those that stay because somebody else has locked or deleted them, and in how many
   * milliseconds the others are due.
   */
  async setAside(setbacks: readonly Setback[]): Promise<{ parked: Parked[]; left: string[]; dueInMs: number[] }> {
    const errors = setbacks.map(({ error }) => textOf(error));
    const rows = await this.database.run<{ pos: string; attempts: number; due_in_ms: number | null }>(
      this.sql.setAside,
      [
        setbacks.map(({ pos }) => pos),
        setbacks.map(({ counts = 0 }) => counts),
        setbacks.map(({ waitMs = null }) => waitMs),
        errors,
      ],
    );
    const attempts = new Map(rows.map((row) => [row.pos, row.attempts]));
    const isParked = ({ pos }: Setback) => (attempts.get(pos) ?? 0) >= MAX_ATTEMPTS;
    return {
      parked: setbacks.flatMap((setback, i) =>
        isParked(setback) ? [{ pos: setback.pos, error: errors[i] as string }] : [],
      ),
      left: setbacks.flatMap(({ pos }) => (attempts.has(pos) ? [] : [pos])),
      dueInMs: rows.flatMap(({ due_in_ms }) => due_in_ms ?? []),
    };
  }

  /** Whether the first part of a message is stored, or waits here: the version before wrote large ones as several rows. */
  async findFirstPart(messageId: string): Promise<{ isStored: boolean; isWaiting: boolean }> {
    const [row] = await this.database.run<{ is_stored: boolean; is_waiting: boolean }>(this.sql.findFirstPart, [
      messageId,
    ]);
    return { isStored: row?.is_stored === true, isWaiting: row?.is_waiting === true };
  }

  /** Whether an instance of the version before is alive. */
  async hasOlderInstances(): Promise<boolean> {
    const [row] = await this.database.run<{ has_older: boolean }>(this.sql.hasOlder);
    return row?.has_older === true;
  }

  /** Who holds the relay's lock, for a log line. */
  async describeLeader(): Promise<string> {
    const [leader] = await this.database.run<{
      pid: number;
      role: string;
      application: string;
      seconds: number | null;
    }>(this.sql.findLeader);
    if (!leader) return 'nobody just now';
    const { pid, role, application, seconds } = leader;
    const since = seconds === null ? '' : `, in its present state for ${seconds} s`;
    return `process ${pid} of role ${role}, application '${application}'${since}`;
  }
}

/** A NUL in the message would be refused in its turn. */
function textOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll('\0', '').slice(0, 1_000);
}
