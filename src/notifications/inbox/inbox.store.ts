import type {
  Change,
  ChangeResult,
  InboxKey,
  InboxNotification,
  InboxNumbers,
  InboxPage,
  ListQuery,
} from '../notification.js';
import { Batched } from './batched.js';
import { changeStatements } from './change.statements.js';
import type { NotificationsDataSource, Run, Statement } from './database.js';
import { inboxStatements, PAGE_BYTES } from './inbox.statements.js';
import { InboxTurns } from './inbox-turns.js';
import type { Lane } from './lanes.js';
import { isLockTimeout } from './postgres-error.js';
import {
  type Content,
  contentJson,
  itemJson,
  type NumbersRow,
  numbersOf,
  pageOf,
  type StreamPage,
} from './stream-page.js';
import { untilUnlocked } from './until-unlocked.js';

const VALID_FROM_PER_READ = 500;
const GATHER_MS = 30;

/** What a change answers, and what the other devices are told of it. */
export interface ChangeOutcome extends ChangeResult {
  change?: Change;
}

type ItemRow = Content & { id: string | null; created_at: string; read: boolean };

/** What a message says stands in the first of its rows only. */
type ReadRow = NumbersRow &
  ItemRow & { ord: number; streams_valid_from: string; behind: boolean; bytes: string; message_id: string };

type ListRow = NumbersRow & ItemRow & { behind: boolean; scanned_to: string | null };

type ChangeRow = NumbersRow & { found: number; changed: string[] | null };

type StepRow = NumbersRow & { changed: string | null; next: string | null };

/**
 * Reads and changes inboxes. Every statement starts with tenant and recipient, and goes through a bounded number of items.
 * What streams need and what users ask for have lanes of their own in the pool.
 */
export class InboxStore {
  private readonly sql: ReturnType<typeof inboxStatements> & ReturnType<typeof changeStatements>;
  /** Asked for each stream token: ten thousand clients that return at once share some queries. */
  private readonly validFrom = new Batched<InboxKey, number>(VALID_FROM_PER_READ, GATHER_MS, (keys) =>
    this.readValidFrom(keys),
  );

  private readonly turns: InboxTurns;

  /** @param timeoutMs a change that has not had its turn by then is not made. */
  constructor(
    private readonly database: NotificationsDataSource,
    timeoutMs?: number,
  ) {
    this.turns = new InboxTurns(() => this.database.checkEnding(), timeoutMs);
    this.sql = { ...inboxStatements(database.quotedSchema), ...changeStatements(database.quotedSchema) };
  }

  /**
   * Reads many inboxes in one statement.
   *
   * @param requests each with the id after which to read, or null to read no items.
   * @param limit items of each at most.
   * @param bytes of stored text of each at most, where less than a page is wanted; it may be one notification more.
   * @param lane that of the caller.
   * @returns one page a request, in their order; null where there is no inbox yet.
   */
  async read(
    requests: readonly (InboxKey & { after: number | null })[],
    limit: number,
    bytes = PAGE_BYTES,
    lane: Lane = 'streams',
  ): Promise<(StreamPage | null)[]> {
    const pageBytes = Math.min(bytes, PAGE_BYTES);
    const values = [...columns(requests), requests.map((request) => request.after), limit, pageBytes];
    const rows = await this.ask<ReadRow>(this.sql.read, values, lane);
    const pages = new Array<StreamPage | null>(requests.length).fill(null);
    const contents = new Map<string, string>();
    for (const row of rows) {
      const page = pages[row.ord - 1] ?? pageOf(row);
      pages[row.ord - 1] = page;
      if (row.id === null) continue;
      const content = contents.get(row.message_id) ?? contentJson(row);
      contents.set(row.message_id, content);
      const id = Number(row.id);
      page.items.push({ id, json: itemJson(id, row, content) });
      page.more = page.items.length >= limit || Number(row.bytes) >= pageBytes;
    }
    return pages;
  }

  /** Starts inboxes where there are none, at the present: what was broadcast before is not theirs. */
  async create(keys: readonly InboxKey[], lane: Lane = 'streams'): Promise<void> {
    try {
      await this.database.run(this.sql.create, columns(keys), lane);
    } catch (error) {
      if (!isLockTimeout(error) || keys.length === 1) throw error;
      // Somebody is just making one of them, in a transaction that lasts: the others don't wait for that.
      for (const key of keys) {
        await this.create([key], lane).catch((one) => {
          if (!isLockTimeout(one)) throw one;
        });
      }
    }
  }

  /**
   * Puts the broadcasts that inboxes have not got yet into them, and counts anew where an older version has miscounted.
   *
   * @param skipsLocked leaves out those that somebody else has locked, instead of waiting for all of them.
   * @returns those that got some.
   */
  async materialise(keys: readonly InboxKey[], skipsLocked = false, lane: Lane = 'streams'): Promise<InboxKey[]> {
    return await this.database.inTransaction(async (run) => {
      const locked = await run<InboxKey & { miscounted: boolean }>(this.sql.lockBehind({ skipsLocked }), columns(keys));
      if (locked.length === 0) return [];
      if (locked.some(({ miscounted }) => miscounted)) await run(this.sql.recount, columns(locked));
      return await run<InboxKey>(this.sql.materialise, columns(locked));
    }, lane);
  }

  /** @returns the indexes of those of which more is to be known, and whether they have broadcasts to get. */
  async sweep(
    known: readonly (InboxKey & { lastId: number; revision: number; streamsValidFrom: number })[],
  ): Promise<{ index: number; behind: boolean }[]> {
    const values = [
      ...columns(known),
      known.map((inbox) => inbox.lastId),
      known.map((inbox) => inbox.revision),
      known.map((inbox) => inbox.streamsValidFrom),
    ];
    const rows = await this.ask<{ ord: number; behind: boolean }>(this.sql.sweep, values, 'streams');
    return rows.map((row) => ({ index: row.ord - 1, behind: row.behind }));
  }

  /** A page, newest first; where what it looks for is rare it may end before it is full, and `nextBefore` goes on there. */
  async list(key: InboxKey, query: ListQuery): Promise<InboxPage> {
    const { limit = 20, before = null, unread = false, type } = query;
    const statement = this.sql.list({ unread, type: type !== undefined });
    // One more than asked for tells whether there is another page.
    const values = [key.tenant, key.recipient, before, limit + 1, ...(type === undefined ? [] : [type])];
    const rows = await this.present(key, () => this.ask<ListRow>(statement, values, 'questions'));
    const [first] = rows;
    const items = rows.filter((row) => row.id !== null).map(item);
    const page = items.slice(0, limit);
    const scannedTo = first.scanned_to === null ? null : Number(first.scanned_to);
    const nextBefore = items.length > limit ? (page.at(-1)?.id ?? null) : scannedTo;
    return { items: page, nextBefore, ...numbersOf(first) };
  }

  /** When `disconnect()` was last called, in microseconds by the database's clock; 0 if never. */
  async streamsValidFrom(key: InboxKey): Promise<number> {
    return await this.validFrom.ask(key);
  }

  /** The numbers of an inbox, which is started where there is none and gets the broadcasts that it has not got yet. */
  async numbers(key: InboxKey): Promise<InboxNumbers> {
    const [page] = await this.present(key, async () => {
      const [found] = await this.read([{ ...key, after: null }], 1, 1, 'questions');
      return found ? [found] : [];
    });
    return page.numbers;
  }

  async markRead(key: InboxKey, ids: readonly number[]): Promise<ChangeOutcome> {
    return await this.change(key, this.sql.markRead, ids, (changed) => ({ read: changed }));
  }

  /**
   * Where many items are in between, in several steps: each is a change of its own, and bounded. What fails at a later one
   * has changed what the earlier ones did.
   *
   * @param onStep is told what a step has changed, once it is committed; what the last one did is returned.
   */
  async markReadUpTo(key: InboxKey, upTo: number, onStep: (change: Change) => void = () => {}): Promise<ChangeOutcome> {
    let from = '0';
    for (;;) {
      const step = await this.locked(key, async (run) => {
        const [row] = await run<StepRow>(this.sql.markReadUpTo, [key.tenant, key.recipient, upTo, from]);
        return row;
      });
      if (!step) return NOTHING;
      const numbers = numbersOf(step);
      const change = step.changed === null ? undefined : { revision: numbers.revision, readUpTo: Number(step.changed) };
      if (step.next === null) return { ...numbers, found: 0, ...(change && { change }) };
      if (change) onStep(change);
      from = step.next;
    }
  }

  async markUnread(key: InboxKey, ids: readonly number[]): Promise<ChangeOutcome> {
    return await this.change(key, this.sql.markUnread, ids, (changed) => ({ unreadIds: changed }));
  }

  async remove(key: InboxKey, ids: readonly number[]): Promise<ChangeOutcome> {
    return await this.change(key, this.sql.remove, ids, (changed) => ({ removed: changed }));
  }

  async disconnect(key: InboxKey): Promise<void> {
    await this.turns.run(key, () => this.database.run(this.sql.disconnect, [key.tenant, key.recipient], 'streams'));
  }

  /** Reads, also while somebody has locked a table for a moment. */
  private async ask<Row>(statement: Statement, values: unknown[], lane: Lane): Promise<Row[]> {
    return await untilUnlocked(
      () => this.database.run<Row>(statement, values, lane),
      () => this.database.checkEnding(),
    );
  }

  private async readValidFrom(keys: InboxKey[]): Promise<number[]> {
    const rows = await this.ask<{ ord: number; streams_valid_from: string }>(
      this.sql.validFrom,
      columns(keys),
      'streams',
    );
    const answers = keys.map(() => 0);
    for (const { ord, streams_valid_from } of rows) answers[ord - 1] = Number(streams_valid_from);
    return answers;
  }

  private async change(key: InboxKey, statement: Statement, ids: readonly number[], details: Details) {
    const row = await this.locked(key, async (run) => {
      const [changed] = await run<ChangeRow>(statement, [key.tenant, key.recipient, ids]);
      return changed;
    });
    return outcomeOf(row, details);
  }

  /**
   * Locks the inbox row first and works in a later statement, which sees all that was committed before.
   *
   * @returns undefined where there is no inbox.
   */
  private async locked<Row>(key: InboxKey, work: (run: Run) => Promise<Row | undefined>): Promise<Row | undefined> {
    const change = async (run: Run) => {
      const [inbox] = await run<{ miscounted: boolean }>(this.sql.lock, [key.tenant, key.recipient]);
      if (inbox?.miscounted) await run(this.sql.recount, columns([key]));
      return inbox && (await work(run));
    };
    return await this.turns.run(key, () => this.database.inTransaction(change, 'questions'));
  }

  /** Reads rows of an inbox; first makes it present where it isn't, or is behind. */
  private async present<T extends { behind: boolean }>(key: InboxKey, read: () => Promise<T[]>): Promise<[T, ...T[]]> {
    let rows = await read();
    if (rows.length === 0) {
      await this.turns.run(key, () => this.create([key], 'questions'));
      rows = await read();
    }
    if (rows[0]?.behind) {
      await this.turns.run(key, () => this.materialise([key], false, 'questions'));
      rows = await read();
    }
    return rows as [T, ...T[]];
  }
}

type Details = (changed: number[]) => { read: number[] } | { unreadIds: number[] } | { removed: number[] };

const NOTHING: ChangeOutcome = { lastId: 0, unread: 0, revision: 0, found: 0 };

function columns(keys: readonly InboxKey[]): [string[], string[]] {
  return [keys.map((key) => key.tenant), keys.map((key) => key.recipient)];
}

function outcomeOf(row: ChangeRow | undefined, details: Details): ChangeOutcome {
  if (!row) return NOTHING;
  const result = { ...numbersOf(row), found: row.found };
  return row.changed
    ? { ...result, change: { revision: result.revision, ...details(row.changed.map(Number)) } }
    : result;
}

function item(row: ItemRow): InboxNotification {
  return JSON.parse(itemJson(Number(row.id), row, contentJson(row)));
}
