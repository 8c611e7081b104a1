import type { Statement } from './database.js';

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
const IS_READ = '(t.read_at IS NOT NULL OR t.id <= i.read_up_to) AS read';
const NOT_EXPIRED = '(t.expires_at IS NULL OR t.expires_at > now())';
const IN_INBOX = 't.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id';
const THIS_INBOX = 'i.tenant_id = $1 AND i.recipient_id = $2';
const counterOf = (s: string) => `(SELECT b.position FROM ${s}.broadcast_counter b WHERE b.tenant_id = i.tenant_id)`;
const COLLECT = '($1::text[], $2::text[])';

/** The statements that read inboxes and change what is in them. */
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
          SELECT c.ord, ${NUMBERS}, ${VALID_FROM}, coalesce(b.position > i.broadcast_position, false) AS behind, t.*,
            row_number() OVER (PARTITION BY t.message_id ORDER BY c.ord, t.id) AS nth
          FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY c(tenant_id, recipient_id, after, ord)
          JOIN ${s}.inbox i USING (tenant_id, recipient_id)
          LEFT JOIN ${s}.broadcast_counter b ON b.tenant_id = i.tenant_id
          LEFT JOIN LATERAL (
            SELECT * FROM (
              SELECT t.id, t.message_id, m.type, m.title, m.body, m.url, m.data, ${CREATED_AT}, ${IS_READ},
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
    /** $1, $2: tenants and recipients. Locks their inboxes, in the one order of every writer. */
    lockAll: {
      name: 'lock_inboxes',
      text: `
        SELECT FROM (SELECT DISTINCT * FROM unnest${COLLECT} u(tenant_id, recipient_id)) c
        JOIN ${s}.inbox i USING (tenant_id, recipient_id)
        ORDER BY i.tenant_id, i.recipient_id FOR UPDATE OF i`,
    },
    /**
     * $1, $2: tenants and recipients, of whom some may be named twice: two of their streams catch up at once. Puts the
     * broadcasts that they have not got yet into their locked inboxes. Instances that race for the same inbox wait for its
     * row, and find nothing left to do.
     */
    materialise: {
      name: 'materialise',
      text: `
        -- The counter is a subquery, lest the planner joins it first, and then each inbox of the tenant to each given one.
        WITH me AS MATERIALIZED (
          SELECT i.tenant_id, i.recipient_id, i.last_id, i.broadcast_position, ${counterOf(s)} AS position
          FROM (SELECT DISTINCT * FROM unnest${COLLECT} u(tenant_id, recipient_id)) c
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
    /** Keyset paging, newest first. $1, $2: the inbox; $3: before this id; $4: limit; $5: type, where `type` is set. */
    list: ({ unread, type }: { unread: boolean; type: boolean }): Statement => ({
      name: `list${unread ? '_unread' : ''}${type ? '_type' : ''}`,
      text: `
        SELECT ${NUMBERS}, coalesce(b.position > i.broadcast_position, false) AS behind, t.*
        FROM ${s}.inbox i
        LEFT JOIN ${s}.broadcast_counter b ON b.tenant_id = i.tenant_id
        LEFT JOIN LATERAL (
          SELECT ${CONTENT}, ${IS_READ}
          FROM ${s}.inbox_item t JOIN ${s}.message m ON m.id = t.message_id
          WHERE ${IN_INBOX} AND ($3::bigint IS NULL OR t.id < $3) AND ${NOT_EXPIRED}
            ${unread ? 'AND t.id > i.read_up_to AND t.read_at IS NULL' : ''} ${type ? 'AND m.type = $5' : ''}
          ORDER BY t.id DESC LIMIT $4::int) t ON true
        WHERE ${THIS_INBOX}
        ORDER BY t.id DESC`,
    }),
    /** $1, $2: the inbox. Locks it; the statement that follows sees what was committed before. */
    lock: {
      name: 'lock_inbox',
      text: `SELECT ${NUMBERS}, i.read_up_to FROM ${s}.inbox i WHERE ${THIS_INBOX} FOR UPDATE`,
    },
    /** $1, $2: the locked inbox; $3: ids. */
    markRead: {
      name: 'mark_read',
      text: `
        WITH box AS MATERIALIZED (SELECT i.* FROM ${s}.inbox i WHERE ${THIS_INBOX}),
        found AS (
          SELECT count(*)::int AS n FROM box i JOIN ${s}.inbox_item t ON ${IN_INBOX}
          WHERE t.id = ANY ($3::bigint[]) AND ${NOT_EXPIRED}),
        marked AS (
          UPDATE ${s}.inbox_item t SET read_at = now() FROM box i
          WHERE ${IN_INBOX} AND t.id = ANY ($3::bigint[]) AND t.id > i.read_up_to AND t.read_at IS NULL
            AND ${NOT_EXPIRED}
          RETURNING t.id),
        counted AS (
          UPDATE ${s}.inbox i SET unread = i.unread - (SELECT count(*) FROM marked), revision = i.revision + 1
          WHERE ${THIS_INBOX} AND EXISTS (SELECT FROM marked)
          RETURNING ${NUMBERS})
        SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
          coalesce(c.revision, i.revision) AS revision, (SELECT n FROM found) AS found,
          (SELECT array_agg(id ORDER BY id) FROM marked) AS changed
        FROM box i LEFT JOIN counted c ON true`,
    },
    /** $1, $2: the locked inbox; $3: up to this id. Moves the watermark, where anything unread is below it. */
    markReadUpTo: {
      name: 'mark_read_up_to',
      text: `
        UPDATE ${s}.inbox i SET read_up_to = least($3::bigint, i.last_id), unread = rest.n, revision = i.revision + 1
        FROM (
          SELECT CASE WHEN $3::bigint >= i.last_id THEN 0 ELSE (
            SELECT count(*)::int FROM ${s}.inbox_item t WHERE ${IN_INBOX} AND t.id > $3 AND t.read_at IS NULL) END AS n
          FROM ${s}.inbox i WHERE ${THIS_INBOX}) rest
        WHERE ${THIS_INBOX} AND $3::bigint > i.read_up_to AND rest.n < i.unread
        RETURNING ${NUMBERS}, i.read_up_to`,
    },
    /**
     * $1, $2: the locked inbox; $3: ids. An id below the watermark lowers it to just before that id; what lies between
     * and stays read gets its own mark.
     */
    markUnread: {
      name: 'mark_unread',
      text: `
        WITH box AS MATERIALIZED (SELECT i.* FROM ${s}.inbox i WHERE ${THIS_INBOX}),
        given AS MATERIALIZED (
          SELECT t.id, t.read_at IS NOT NULL OR t.id <= i.read_up_to AS read
          FROM box i JOIN ${s}.inbox_item t ON ${IN_INBOX} WHERE t.id = ANY ($3::bigint[]) AND ${NOT_EXPIRED}),
        low AS (SELECT min(id) AS id FROM given, box i WHERE given.id <= i.read_up_to),
        kept AS (
          UPDATE ${s}.inbox_item t SET read_at = now() FROM box i, low
          WHERE ${IN_INBOX} AND t.id >= low.id AND t.id <= i.read_up_to AND t.read_at IS NULL
            AND t.id NOT IN (SELECT id FROM given)),
        cleared AS (
          UPDATE ${s}.inbox_item t SET read_at = NULL FROM box i
          WHERE ${IN_INBOX} AND t.id IN (SELECT id FROM given WHERE read) AND t.read_at IS NOT NULL),
        counted AS (
          UPDATE ${s}.inbox i SET unread = i.unread + (SELECT count(*) FROM given WHERE read),
            read_up_to = coalesce((SELECT id - 1 FROM low), i.read_up_to), revision = i.revision + 1
          WHERE ${THIS_INBOX} AND EXISTS (SELECT FROM given WHERE read)
          RETURNING ${NUMBERS})
        SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
          coalesce(c.revision, i.revision) AS revision, (SELECT count(*)::int FROM given) AS found,
          (SELECT array_agg(id ORDER BY id) FROM given WHERE read) AS changed
        FROM box i LEFT JOIN counted c ON true`,
    },
    /** $1, $2: the locked inbox; $3: ids. */
    remove: {
      name: 'remove',
      text: `
        WITH box AS MATERIALIZED (SELECT i.* FROM ${s}.inbox i WHERE ${THIS_INBOX}),
        removed AS (
          DELETE FROM ${s}.inbox_item t USING box i WHERE ${IN_INBOX} AND t.id = ANY ($3::bigint[])
          RETURNING t.id, t.read_at IS NULL AND t.id > i.read_up_to AS unread),
        counted AS (
          UPDATE ${s}.inbox i
          SET unread = i.unread - (SELECT count(*) FROM removed WHERE unread), revision = i.revision + 1
          WHERE ${THIS_INBOX} AND EXISTS (SELECT FROM removed)
          RETURNING ${NUMBERS})
        SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
          coalesce(c.revision, i.revision) AS revision, (SELECT count(*)::int FROM removed) AS found,
          (SELECT array_agg(id ORDER BY id) FROM removed) AS changed
        FROM box i LEFT JOIN counted c ON true`,
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
