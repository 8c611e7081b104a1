import type { Statement } from './database.js';

/** As far as one page of a list looks for what it is to hold. */
const ITEMS_PER_SCAN = 5_000;

/** What a page of a stream holds at most, in bytes of stored text; it may be one notification more. */
export const PAGE_BYTES = 65_536;

export const NUMBERS = 'i.last_id, i.unread, i.revision';
// Microseconds fit a JavaScript number until the year 2255.
export const VALID_FROM =
  'coalesce((extract(epoch FROM i.streams_valid_from) * 1000000)::bigint, 0) AS streams_valid_from';
// As text: a host may have parsers of its own for timestamps and JSON, and pg's parsers are the process's.
export const isoOf = (time: string) => `to_char(${time} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const CREATED_AT = `${isoOf('t.created_at')} AS created_at`;
const CONTENT = `t.id, m.type, m.title, m.body, m.url, m.data::text AS data, ${CREATED_AT}`;
/** A column of a message where its first item is, and null with all others. */
const ONCE = (column: string) => `CASE WHEN nth = 1 THEN ${column} END AS ${column.replace('::text', '')}`;
/**
 * Read by itself, or not above the watermark. Some that aren't above it are unread all the same: those with the mark of
 * their inbox. It counts as long as every change of the inbox was one by code that knows of it, which moves
 * `unread_mark_revision` along with the revision; an instance of an older version doesn't, and sees those as read.
 */
export const IS_READ = `(t.read_at IS NOT NULL OR (t.id <= i.read_up_to
  AND (t.unread_mark = i.unread_mark AND i.unread_mark_revision = i.revision) IS NOT TRUE))`;
/** An older version has changed the inbox, without knowing of the marks: what it has counted may be too much. */
export const MISCOUNTED = 'coalesce(i.unread_mark_revision <> i.revision, false)';
/** With the change of an inbox. */
export const NEXT_REVISION = 'revision = i.revision + 1, unread_mark_revision = i.unread_mark_revision + 1';
export const NOT_EXPIRED = '(t.expires_at IS NULL OR t.expires_at > now())';
export const IN_INBOX = 't.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id';
export const THIS_INBOX = 'i.tenant_id = $1 AND i.recipient_id = $2';
const IS_BEHIND = `coalesce(b.position > i.broadcast_position, false) OR ${MISCOUNTED} AS behind`;
const counterOf = (s: string) => `(SELECT b.position FROM ${s}.broadcast_counter b WHERE b.tenant_id = i.tenant_id)`;
const MAX_BIGINT = '9223372036854775807';
const COLLECT = '($1::text[], $2::text[])';

/** The statements that read inboxes, and that bring them up to date. */
export function inboxStatements(s: string) {
  return {
    /**
     * $1, $2, $3: tenants, recipients and the id after which to read (null: only the inbox itself); $4, $5: items of each
     * at most, and their bytes; it may be one notification more. One snapshot: the numbers are those of the very moment at
     * which the items were read. What a message says comes with the first of its items only: a broadcast is in all inboxes.
     */
    read: {
      name: 'read',
      text: `
        SELECT ord::int, last_id, unread, revision, streams_valid_from, behind, id, created_at, read, bytes, message_id,
          ${ONCE('type')}, ${ONCE('title')}, ${ONCE('body')}, ${ONCE('url')}, ${ONCE('data::text')}
        FROM (
          SELECT c.ord, ${NUMBERS}, ${VALID_FROM}, ${IS_BEHIND}, t.*,
            row_number() OVER (PARTITION BY t.message_id ORDER BY c.ord, t.id) AS nth
          FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY c(tenant_id, recipient_id, after, ord)
          JOIN ${s}.inbox i USING (tenant_id, recipient_id)
          LEFT JOIN ${s}.broadcast_counter b ON b.tenant_id = i.tenant_id
          LEFT JOIN LATERAL (
            SELECT * FROM (
              SELECT t.id, t.message_id, m.type, m.title, m.body, m.url, m.data, ${CREATED_AT}, ${IS_READ} AS read,
                sum(w.size) OVER (ORDER BY t.id) AS bytes, w.size
              FROM (
                SELECT * FROM ${s}.inbox_item t WHERE ${IN_INBOX} AND t.id > c.after AND ${NOT_EXPIRED}
                ORDER BY t.id LIMIT $4::int) t
              JOIN ${s}.message m ON m.id = t.message_id
              CROSS JOIN LATERAL (
                SELECT 200 + pg_column_size(m.title) + coalesce(pg_column_size(m.body), 0)
                  + coalesce(pg_column_size(m.url), 0) + pg_column_size(m.data) AS size) w) p
            WHERE p.bytes - p.size < $5::int) t ON true) p
        ORDER BY ord, id`,
    },
    /** $1, $2: tenants and recipients. When each was last disconnected; nothing for those that have no inbox. */
    validFrom: {
      name: 'valid_from',
      text: `
        SELECT c.ord::int, ${VALID_FROM}
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY c(tenant_id, recipient_id, ord)
        JOIN ${s}.inbox i USING (tenant_id, recipient_id)`,
    },
    /** $1, $2: tenants and recipients. Starts inboxes where there are none, at the present: history is not theirs. */
    create: {
      name: 'create',
      text: `
        INSERT INTO ${s}.inbox (tenant_id, recipient_id, broadcast_position)
        SELECT tenant_id, recipient_id,
          coalesce((SELECT position FROM ${s}.broadcast_counter b WHERE b.tenant_id = c.tenant_id), 0)
        FROM (SELECT DISTINCT * FROM unnest${COLLECT} u(tenant_id, recipient_id)) c
        ORDER BY tenant_id COLLATE "C", recipient_id COLLATE "C"
        ON CONFLICT DO NOTHING`,
    },
    /**
     * $1, $2: tenants and recipients, of whom some may be named twice: two of their streams catch up at once. Locks those of
     * their inboxes that have broadcasts to get or are miscounted, in the one order of every writer; `skipsLocked`: those
     * that nobody else has locked.
     */
    lockBehind: ({ skipsLocked }: { skipsLocked: boolean }): Statement => ({
      name: `lock_behind${skipsLocked ? '_free' : ''}`,
      text: `
        SELECT i.tenant_id AS tenant, i.recipient_id AS recipient, ${MISCOUNTED} AS miscounted
        FROM (SELECT DISTINCT * FROM unnest${COLLECT} u(tenant_id, recipient_id)) c
        JOIN ${s}.inbox i USING (tenant_id, recipient_id)
        WHERE i.broadcast_position < ${counterOf(s)} OR ${MISCOUNTED}
        ORDER BY i.tenant_id, i.recipient_id FOR UPDATE OF i ${skipsLocked ? 'SKIP LOCKED' : ''}`,
    }),
    /**
     * $1, $2: tenants and recipients, each once, whose inboxes are locked. Puts the broadcasts that they have not got yet into
     * them.
     */
    materialise: {
      name: 'materialise',
      text: `
        -- The counter is a subquery, lest the planner joins it first, and then each inbox of the tenant to each given one.
        WITH me AS MATERIALIZED (
          SELECT i.tenant_id, i.recipient_id, i.last_id, i.broadcast_position, ${counterOf(s)} AS position
          FROM unnest${COLLECT} c(tenant_id, recipient_id)
          JOIN ${s}.inbox i USING (tenant_id, recipient_id)
          WHERE i.broadcast_position < ${counterOf(s)}
        ),
        span AS (
          SELECT tenant_id, min(broadcast_position) AS first, max(position) AS last FROM me GROUP BY tenant_id),
        -- Looked up once: with 5,000 inboxes and as many old broadcasts the planner read them all for each inbox.
        pending AS MATERIALIZED (
          SELECT b.tenant_id, b.position, b.message_id, b.created_at, m.expires_at
          FROM span JOIN ${s}.broadcast b
            ON b.tenant_id = span.tenant_id AND b.position > span.first AND b.position <= span.last
          JOIN ${s}.message m ON m.id = b.message_id AND (m.expires_at IS NULL OR m.expires_at > now())
          FOR KEY SHARE OF m), -- retention deletes no message that somebody is giving to an inbox
        -- An inbox whose broadcasts have all expired has one row without a message here.
        x AS MATERIALIZED (
          SELECT me.tenant_id, me.recipient_id, me.last_id, me.position, b.message_id, b.created_at, b.expires_at,
            row_number() OVER (PARTITION BY me.tenant_id, me.recipient_id ORDER BY b.position) AS rn
          FROM me LEFT JOIN pending b
            ON b.tenant_id = me.tenant_id AND b.position > me.broadcast_position AND b.position <= me.position),
        filled AS (
          INSERT INTO ${s}.inbox_item (tenant_id, recipient_id, id, message_id, created_at, expires_at)
          SELECT tenant_id, recipient_id, last_id + rn, message_id, created_at, expires_at
          FROM x WHERE message_id IS NOT NULL)
        -- Grouped, not counted for each inbox: with 5,000 inboxes that took 18 s.
        UPDATE ${s}.inbox i
        SET last_id = i.last_id + arrived.n, unread = i.unread + arrived.n, broadcast_position = arrived.position
        FROM (
          SELECT tenant_id, recipient_id, position, count(message_id)::int AS n
          FROM x GROUP BY tenant_id, recipient_id, position) arrived
        WHERE i.tenant_id = arrived.tenant_id AND i.recipient_id = arrived.recipient_id
        RETURNING i.tenant_id AS tenant, i.recipient_id AS recipient`,
    },
    /** $1, $2: tenants and recipients of locked inboxes. Counts anew where an older version has miscounted. */
    recount: {
      name: 'recount',
      text: `
        UPDATE ${s}.inbox i
        SET revision = i.revision + 1, unread_mark = NULL, unread_mark_revision = NULL, unread = (
          SELECT count(*)::int FROM ${s}.inbox_item t
          WHERE ${IN_INBOX} AND t.id > i.read_up_to AND t.read_at IS NULL)
        WHERE (i.tenant_id, i.recipient_id) IN (SELECT * FROM unnest${COLLECT}) AND ${MISCOUNTED}`,
    },
    /** $1, $2: tenants and recipients; $3, $4, $5: what is known of each. Answers those of which more is to be known. */
    sweep: {
      name: 'sweep',
      text: `
        SELECT c.ord::int, coalesce(b.position > i.broadcast_position, false) AS behind
        FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
          WITH ORDINALITY c(tenant_id, recipient_id, last_id, revision, valid_from, ord)
        JOIN LATERAL (SELECT i.*, ${VALID_FROM.replace('AS streams_valid_from', 'AS valid_from')}
          FROM ${s}.inbox i WHERE i.tenant_id = c.tenant_id AND i.recipient_id = c.recipient_id) i ON true
        LEFT JOIN ${s}.broadcast_counter b ON b.tenant_id = i.tenant_id
        WHERE i.last_id <> c.last_id OR i.revision <> c.revision OR i.valid_from <> c.valid_from
          OR b.position > i.broadcast_position`,
    },
    /**
     * Keyset paging, newest first. $1, $2: the inbox; $3: before this id; $4: limit; $5: type, where `type` is set. Looks at
     * so many items and no more: `scanned_to` tells the last of them, where the page isn't full and there may be others.
     */
    list: ({ unread, type }: { unread: boolean; type: boolean }): Statement => {
      // In a form that is a condition for the index in a generic plan, too.
      const scan = (columns: string, rows: string) => `
              SELECT ${columns} FROM ${s}.inbox_item t
              WHERE ${IN_INBOX} AND t.id < coalesce($3::bigint, ${MAX_BIGINT})
                ${unread ? 'AND t.id > CASE WHEN i.unread_mark IS NULL THEN i.read_up_to ELSE 0 END' : ''}
              ORDER BY t.id DESC ${rows}`;
      return {
        name: `list${unread ? '_unread' : ''}${type ? '_type' : ''}`,
        text: `
        WITH box AS MATERIALIZED (
          SELECT i.*, ${IS_BEHIND}
          FROM ${s}.inbox i LEFT JOIN ${s}.broadcast_counter b ON b.tenant_id = i.tenant_id WHERE ${THIS_INBOX}),
        page AS MATERIALIZED (
          SELECT t.* FROM box i CROSS JOIN LATERAL (
            SELECT ${CONTENT}, ${IS_READ} AS read
            FROM (${scan('*', `LIMIT ${ITEMS_PER_SCAN}`)}) t
            -- OFFSET: one message after the other, until the page is full. The planner would read the whole table.
            CROSS JOIN LATERAL (SELECT * FROM ${s}.message m WHERE m.id = t.message_id OFFSET 0) m
            WHERE ${NOT_EXPIRED} ${unread ? `AND NOT ${IS_READ}` : ''} ${type ? 'AND m.type = $5' : ''}
            ORDER BY t.id DESC LIMIT $4::int) t),
        stopped AS MATERIALIZED (
          SELECT CASE WHEN (SELECT count(*) FROM page) < $4::int THEN (
            ${scan('id', `OFFSET ${ITEMS_PER_SCAN - 1} LIMIT 1`)}) END AS scanned_to
          FROM box i)
        SELECT ${NUMBERS}, i.behind, stopped.scanned_to, t.*
        FROM box i CROSS JOIN stopped LEFT JOIN page t ON true
        ORDER BY t.id DESC`,
      };
    },
    /** $1, $2: the inbox. The moment only ever grows, so that every call ends the streams opened before it. */
    disconnect: {
      name: 'disconnect',
      text: `
        INSERT INTO ${s}.inbox AS i (tenant_id, recipient_id, broadcast_position, streams_valid_from)
        VALUES ($1, $2, coalesce((SELECT position FROM ${s}.broadcast_counter WHERE tenant_id = $1), 0), clock_timestamp())
        ON CONFLICT (tenant_id, recipient_id) DO UPDATE
          SET streams_valid_from = greatest(clock_timestamp(), i.streams_valid_from + interval '1 microsecond')`,
    },
  };
}
