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
import type { NotificationsDataSource, Run, Statement } from './database.js';
import { inboxStatements, PAGE_BYTES } from './inbox.statements.js';

const VALID_FROM_PER_READ = 500;
const GATHER_MS = 20;

/** An inbox as it is read for its streams: numbers and items of one moment. */
export interface StreamPage {
  numbers: InboxNumbers;
  /** When `disconnect()` was last called, in microseconds by the database's clock; 0 if never. */
  streamsValidFrom: number;
  /** There are broadcasts that this inbox has not got yet. */
  behind: boolean;
  /** Ascending by id, nothing left out; empty where no id was given to read after. */
  items: StreamItem[];
  /** There may be more after these. */
  more: boolean;
}

export interface StreamItem {
  id: number;
  /** An `InboxNotification` as JSON, built once for every connection. */
  json: string;
}

/** What a change answers, and what the other devices are told of it. */
export interface ChangeOutcome extends ChangeResult {
  change?: Change;
}

interface NumbersRow {
  last_id: string;
  unread: number;
  revision: string;
}

interface ItemRow {
  id: string | null;
  type: string;
  title: string;
  body: string | null;
  url: string | null;
  /** JSON. */
  data: string;
  created_at: string;
  read: boolean;
}

/** What a message says stands in the first of its rows only. */
type ReadRow = NumbersRow &
  ItemRow & { ord: number; streams_valid_from: string; behind: boolean; bytes: string; message_id: string };

type ChangeRow = NumbersRow & { found: number; changed: string[] | null };

/** Reads and changes inboxes. Every statement starts with tenant and recipient. */
export class InboxStore {
  private readonly sql: ReturnType<typeof inboxStatements>;
  /** Asked for each stream token: ten thousand clients that return at once share some queries. */
  private readonly validFrom = new Batched<InboxKey, number>(VALID_FROM_PER_READ, GATHER_MS, (keys) =>
    this.readValidFrom(keys),
  );

  constructor(private readonly database: NotificationsDataSource) {
    this.sql = inboxStatements(database.schema);
  }

  /**
   * Reads many inboxes in one statement.
   *
   * @param requests each with the id after which to read, or null to read no items.
   * @param limit items of each at most.
   * @param bytes of stored text of each at most, where less than a page is wanted; it may be one notification more.
   * @returns one page a request, in their order; null where there is no inbox yet.
   */
  async read(
    requests: readonly (InboxKey & { after: number | null })[],
    limit: number,
    bytes = PAGE_BYTES,
  ): Promise<(StreamPage | null)[]> {
    const pageBytes = Math.min(bytes, PAGE_BYTES);
    const rows = await this.database.run<ReadRow>(this.sql.read, [
      requests.map((request) => request.tenant),
      requests.map((request) => request.recipient),
      requests.map((request) => request.after),
      limit,
      pageBytes,
    ]);
    const pages = new Array<StreamPage | null>(requests.length).fill(null);
    const contents = new Map<string, string>();
    for (const row of rows) {
      const page = pages[row.ord - 1] ?? emptyPage(row);
      pages[row.ord - 1] = page;
      if (row.id === null) continue;
      const content = contents.get(row.message_id) ?? contentJson(row);
      contents.set(row.message_id, content);
      page.items.push({ id: Number(row.id), json: itemJson(row, content) });
      page.more = page.items.length >= limit || Number(row.bytes) >= pageBytes;
    }
    return pages;
  }

  /** Starts inboxes where there are none, at the present: what was broadcast before is not theirs. */
  async create(keys: readonly InboxKey[]): Promise<void> {
    await this.database.run(this.sql.create, columns(keys));
  }

  /** Puts the broadcasts that inboxes have not got yet into them. @returns those that got some. */
  async materialise(keys: readonly InboxKey[]): Promise<InboxKey[]> {
    return await this.database.inTransaction(async (run) => {
      await run(this.sql.lockAll, columns(keys));
      return await run<InboxKey>(this.sql.materialise, columns(keys));
    });
  }

  /** @returns the indexes of those of which more is to be known, and whether they have broadcasts to get. */
  async sweep(
    known: readonly (InboxKey & { lastId: number; revision: number; streamsValidFrom: number })[],
  ): Promise<{ index: number; behind: boolean }[]> {
    const rows = await this.database.run<{ ord: number; behind: boolean }>(this.sql.sweep, [
      ...columns(known),
      known.map((inbox) => inbox.lastId),
      known.map((inbox) => inbox.revision),
      known.map((inbox) => inbox.streamsValidFrom),
    ]);
    return rows.map((row) => ({ index: row.ord - 1, behind: row.behind }));
  }

  async list(key: InboxKey, query: ListQuery): Promise<InboxPage> {
    const { limit = 20, before = null, unread = false, type } = query;
    const statement = this.sql.list({ unread, type: type !== undefined });
    // One more than asked for tells whether there is another page.
    const values = [key.tenant, key.recipient, before, limit + 1, ...(type === undefined ? [] : [type])];
    const rows = await this.present(key, () =>
      this.database.run<NumbersRow & ItemRow & { behind: boolean }>(statement, values),
    );
    const [first] = rows;
    const items = rows.filter((row) => row.id !== null).map(item);
    const page = items.slice(0, limit);
    const nextBefore = items.length > limit ? (page.at(-1)?.id ?? null) : null;
    return { items: page, nextBefore, ...numbers(first) };
  }

  /** When `disconnect()` was last called, in microseconds by the database's clock; 0 if never. */
  async streamsValidFrom(key: InboxKey): Promise<number> {
    return await this.validFrom.ask(key);
  }

  /** The numbers of an inbox, which is started where there is none and gets the broadcasts that it has not got yet. */
  async numbers(key: InboxKey): Promise<InboxNumbers> {
    const [page] = await this.present(key, async () => {
      const [found] = await this.read([{ ...key, after: null }], 1, 1);
      return found ? [found] : [];
    });
    return page.numbers;
  }

  async markRead(key: InboxKey, ids: readonly number[]): Promise<ChangeOutcome> {
    return await this.change(key, this.sql.markRead, ids, (changed) => ({ read: changed }));
  }

  async markReadUpTo(key: InboxKey, upTo: number): Promise<ChangeOutcome> {
    return await this.locked(key, async (run, row) => {
      const values = [key.tenant, key.recipient, upTo];
      const [moved] = await run<NumbersRow & { read_up_to: string }>(this.sql.markReadUpTo, values);
      const result = { ...numbers(moved ?? row), found: 0 };
      if (!moved) return result;
      return { ...result, change: { revision: result.revision, readUpTo: Number(moved.read_up_to) } };
    });
  }

  async markUnread(key: InboxKey, ids: readonly number[]): Promise<ChangeOutcome> {
    return await this.change(key, this.sql.markUnread, ids, (changed) => ({ unreadIds: changed }));
  }

  async remove(key: InboxKey, ids: readonly number[]): Promise<ChangeOutcome> {
    return await this.change(key, this.sql.remove, ids, (changed) => ({ removed: changed }));
  }

  async disconnect(key: InboxKey): Promise<void> {
    await this.database.run(this.sql.disconnect, [key.tenant, key.recipient]);
  }

  private async readValidFrom(keys: InboxKey[]): Promise<number[]> {
    const rows = await this.database.run<{ ord: number; streams_valid_from: string }>(
      this.sql.validFrom,
      columns(keys),
    );
    const answers = keys.map(() => 0);
    for (const { ord, streams_valid_from } of rows) answers[ord - 1] = Number(streams_valid_from);
    return answers;
  }

  private async change(key: InboxKey, statement: Statement, ids: readonly number[], details: Details) {
    return await this.locked(key, async (run) => {
      const [row] = await run<ChangeRow>(statement, [key.tenant, key.recipient, ids]);
      return outcome(row, details);
    });
  }

  /** Locks the inbox row first and works in a later statement, which sees all that was committed before. */
  private async locked(
    key: InboxKey,
    work: (run: Run, row: NumbersRow) => Promise<ChangeOutcome>,
  ): Promise<ChangeOutcome> {
    return await this.database.inTransaction(async (run) => {
      const [row] = await run<NumbersRow>(this.sql.lock, [key.tenant, key.recipient]);
      return row ? await work(run, row) : NOTHING;
    });
  }

  /** Reads rows of an inbox; first makes it present where it isn't, or has broadcasts to get. */
  private async present<T extends { behind: boolean }>(key: InboxKey, read: () => Promise<T[]>): Promise<[T, ...T[]]> {
    let rows = await read();
    if (rows.length === 0) {
      await this.create([key]);
      rows = await read();
    }
    if (rows[0]?.behind) {
      await this.materialise([key]);
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

function numbers(row: NumbersRow): InboxNumbers {
  return { lastId: Number(row.last_id), unread: Number(row.unread), revision: Number(row.revision) };
}

function emptyPage(row: ReadRow): StreamPage {
  const streamsValidFrom = Number(row.streams_valid_from);
  return { numbers: numbers(row), streamsValidFrom, behind: row.behind, items: [], more: false };
}

function outcome(row: ChangeRow | undefined, details: Details): ChangeOutcome {
  if (!row) return NOTHING;
  const result = { ...numbers(row), found: row.found };
  return row.changed
    ? { ...result, change: { revision: result.revision, ...details(row.changed.map(Number)) } }
    : result;
}

function item(row: ItemRow): InboxNotification {
  return JSON.parse(itemJson(row, contentJson(row)));
}

/** An `InboxNotification`; what it says is built once for all inboxes that it is in. */
function itemJson({ id, created_at, read }: ItemRow, content: string): string {
  return `{"id":${id},${content},"createdAt":"${created_at}","read":${read}}`;
}

/** What a message says, as members of a JSON object; without parsing and printing `data`, where nobody looks into it. */
function contentJson({ type, title, body, url, data }: ItemRow): string {
  return `${JSON.stringify({ type, title, body, url }).slice(1, -1)},"data":${data}`;
}
