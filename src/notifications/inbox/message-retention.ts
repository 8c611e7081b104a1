import type { NotificationsDataSource, Statement } from './database.js';

const MESSAGES_PER_BATCH = 50_000;
/** Blocks of `inbox_item` that one statement looks through: 64 MiB, some 800,000 items, up to half a second. */
const BLOCKS_PER_READ = 8_192;
/** Before this version Postgres reads the whole table for a range of its blocks. */
const RANGES_OF_BLOCKS_SINCE = 140_000;

const REPEATABLE_READ = {
  name: 'repeatable_read',
  text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY',
};

/**
 * Deletes messages past their retention that no item, broadcast or row of the outbox refers to.
 *
 * No index leads from a message to its items: it would slow down every delivery. An item's `created_at` is that of its
 * message, so the index on it finds them; but instances of version 0.1 gave the items of a large message the time at which
 * their part was delivered. So a look through the whole table decides: about once a day for all instances together, when
 * a message is a day past its retention, and then for all that are an hour past it.
 *
 * What decides is a snapshot. Whoever adds an item for a message later than that has locked the message first (FOR KEY
 * SHARE), or takes it from a row of the outbox that the snapshot has.
 */
export class MessageRetention {
  private readonly sql: ReturnType<typeof retentionStatements>;

  /** @param isClosed asked between two statements. */
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly isClosed: () => boolean,
  ) {
    this.sql = retentionStatements(database.quotedSchema);
  }

  async deleteOld(days: number): Promise<void> {
    let isDue = false;
    let last: Candidate | undefined;
    while (!this.isClosed()) {
      const after = [last?.created_at ?? null, last?.id ?? null];
      const candidates = await this.database.run<Candidate>(this.sql.candidates, [days, ...after], 'background');
      const free = await this.free(candidates, isDue);
      isDue ||= free.length > 0;
      if (free.length > 0) await this.delete(free);
      last = candidates.at(-1);
      if (candidates.length < MESSAGES_PER_BATCH || !(isDue || last?.due)) return;
    }
  }

  /** Those that nothing refers to; none if none of these is due, unless that is so of others. */
  private async free(candidates: Candidate[], othersAreDue: boolean): Promise<string[]> {
    if (!othersAreDue && !candidates.some(({ due }) => due)) return [];
    return await this.database.inTransaction(async (run) => {
      await run(REPEATABLE_READ);
      const free = new Map(candidates.map((candidate) => [candidate.id, candidate]));
      const keep = async (statement: Statement, ...values: unknown[]) => {
        for (const { id } of await run<{ id: string }>(statement, [[...free.keys()], ...values])) free.delete(id);
      };
      await keep(this.sql.referred);
      if (!othersAreDue && ![...free.values()].some(({ due }) => due)) return [];
      const [table] = await run<{ blocks: string; version: number }>(this.sql.blocks);
      const blocks = Number(table?.blocks);
      const step = (table?.version ?? 0) < RANGES_OF_BLOCKS_SINCE ? blocks : BLOCKS_PER_READ;
      for (let block = 0; block < blocks && free.size > 0; block += step) {
        if (this.isClosed()) return [];
        await keep(this.sql.referredInBlocks, `(${block},0)`, `(${block + step},0)`);
      }
      return [...free.keys()];
    }, 'background');
  }

  private async delete(ids: string[]): Promise<void> {
    await this.database.inTransaction(async (run) => {
      const locked = await run<{ id: string }>(this.sql.lock, [ids]);
      // In a statement that begins under the lock: it sees what whoever had the lock before has committed.
      const referred = await run<{ id: string }>(this.sql.referred, [locked.map(({ id }) => id)]);
      const kept = new Set(referred.map(({ id }) => id));
      await run(this.sql.delete, [locked.map(({ id }) => id).filter((id) => !kept.has(id))]);
    }, 'background');
  }
}

/** `due`: a day past its retention. */
interface Candidate {
  id: string;
  /** In microseconds since 1970. */
  created_at: string | null;
  due: boolean;
}

function retentionStatements(s: string) {
  const pastRetention = (by: string) => `created_at < now() - $1::float8 * interval '1 day' - interval '${by}'`;
  return {
    /** $1: days; $2, $3: the time and id after which to begin, or null. */
    candidates: {
      name: 'retention_candidates',
      text: `
        SELECT id, CASE WHEN isfinite(created_at) THEN (extract(epoch FROM created_at) * 1000000)::bigint END AS created_at,
          ${pastRetention('1 day')} AS due
        FROM ${s}.message
        WHERE ${pastRetention('1 hour')} AND (created_at, id) > (
          coalesce('epoch'::timestamptz + $2::bigint * interval '1 microsecond', '-infinity'),
          coalesce($3::uuid, '00000000-0000-0000-0000-000000000000'))
        ORDER BY message.created_at, id LIMIT ${MESSAGES_PER_BATCH}`,
    },
    /** $1: messages. Those that a broadcast, a row of the outbox, or an item of the same time refers to. */
    referred: {
      name: 'retention_referred',
      text: `
        SELECT id FROM unnest($1::uuid[]) c(id) JOIN ${s}.broadcast b ON b.message_id = c.id
        UNION
        SELECT id FROM unnest($1::uuid[]) c(id) JOIN ${s}.outbox o ON lower(o.payload ->> 'id') = c.id::text
        UNION
        SELECT c.id FROM unnest($1::uuid[]) c(id) JOIN ${s}.outbox o ON o.message_id = c.id
        UNION
        -- OFFSET keeps the planner from joining all items instead of looking for each message in the index.
        SELECT id FROM ${s}.message m WHERE id = ANY ($1::uuid[]) AND EXISTS (
          SELECT FROM ${s}.inbox_item t WHERE t.created_at = m.created_at AND t.message_id = m.id OFFSET 0)`,
    },
    blocks: {
      name: 'retention_blocks',
      text: `
        SELECT pg_relation_size('${s}.inbox_item') / current_setting('block_size')::int AS blocks,
          current_setting('server_version_num')::int AS version`,
    },
    /** $1: messages; $2, $3: blocks of items. Those that an item there refers to, whatever its time. */
    referredInBlocks: {
      name: 'retention_referred_in_blocks',
      text: `
        SELECT DISTINCT c.id FROM unnest($1::uuid[]) c(id) JOIN ${s}.inbox_item t ON t.message_id = c.id
        WHERE t.ctid >= $2::tid AND t.ctid < $3::tid`,
    },
    /** $1: messages. */
    lock: {
      name: 'retention_lock',
      text: `SELECT id FROM ${s}.message WHERE id = ANY ($1::uuid[]) FOR UPDATE SKIP LOCKED`,
    },
    /** $1: locked messages. */
    delete: { name: 'retention_delete', text: `DELETE FROM ${s}.message WHERE id = ANY ($1::uuid[])` },
  } satisfies Record<string, Statement>;
}
