import type { Statement } from './database.js';
import { lockName } from './database.js';

/** How often the relay tries a row that Postgres refuses, before it is parked. */
export const MAX_ATTEMPTS = 5;
/** The wait after a row's first refusal in ms; it doubles with each further one. */
const BACKOFF_MS = 250;

/** The key of the advisory lock whose holder relays. */
const leaderKey = (s: string) => `hashtextextended(current_database() || '${lockName(s, 'relay')}', 0)`;

/** Takes the relay's lock until the end of the statement; false if another instance has it. */
export const tryLead = (s: string) => `pg_try_advisory_xact_lock(${leaderKey(s)})`;

/** In the line: neither scheduled (but for a large message that is begun), nor set aside, nor parked. */
const IN_LINE = `attempts < ${MAX_ATTEMPTS} AND retry_at IS NULL AND (deliver_at IS NULL OR message_id IS NOT NULL)`;

/** Each by itself: plain SQL may write `-infinity`, and a difference of that is an error. */
const ageMs = (time: string) =>
  `((extract(epoch FROM clock_timestamp())::float8 - extract(epoch FROM ${time})::float8) * 1000)`;

/** How many rows are in each state. */
export function outboxStates(s: string): Statement {
  const isParked = `attempts >= ${MAX_ATTEMPTS}`;
  const isSetAside = `NOT (${isParked}) AND retry_at IS NOT NULL`;
  return {
    name: 'outbox_states',
    text: `
      SELECT count(*) FILTER (WHERE ${IN_LINE}) AS ready,
        ${ageMs(`min(coalesce(ready_at, created_at)) FILTER (WHERE ${IN_LINE})`)} AS oldest_ready_ms,
        count(*) FILTER (WHERE ${isSetAside}) AS set_aside,
        count(*) FILTER (WHERE NOT (${isParked} OR ${isSetAside} OR ${IN_LINE})) AS scheduled,
        count(*) FILTER (WHERE ${isParked}) AS parked
      FROM ${s}.outbox`,
  };
}

/** The statements that say which rows of the outbox are next, and take those out of the line that can't be delivered. */
export function outboxLineStatements(s: string) {
  // As text: a host may have a parser of its own for JSON, and pg's parsers are the process's.
  const COLUMNS = `pos, payload::text AS payload, message_id, progress,
    ${ageMs('coalesce(ready_at, created_at)')} AS age_ms`;
  const due = (order: 'ASC' | 'DESC', limit: string, attempts = '0') => `
    SELECT pos FROM ${s}.outbox WHERE attempts = ${attempts} AND attempts < ${MAX_ATTEMPTS} AND retry_at <= now()
      AND pos <> ALL ($3::bigint[])
    ORDER BY retry_at ${order}, pos ${order} LIMIT ${limit}::int FOR UPDATE SKIP LOCKED`;
  /** $1: of those that were never refused, rows of each end at most; $2: of the others, rows of each number of attempts. */
  const CLAIMABLE = `
    oldest AS MATERIALIZED (${due('ASC', '$1')}), newest AS MATERIALIZED (${due('DESC', '$1')}),
    refused AS MATERIALIZED (
      SELECT pos FROM generate_series(1, ${MAX_ATTEMPTS - 1}) tries CROSS JOIN LATERAL (${due('ASC', '$2', 'tries')}) r),
    claimable AS (SELECT pos FROM oldest UNION SELECT pos FROM newest UNION SELECT pos FROM refused)`;
  const CLAIMED = `retry_at = clock_timestamp() + interval '30 seconds'`;
  return {
    /** Rows that have become due. Until then no poll looks at them: half a million may wait. $1: not these; $2: this alone. */
    promote: {
      name: 'relay_promote',
      text: `
        UPDATE ${s}.outbox SET ready_at = deliver_at, deliver_at = NULL
        WHERE pos IN (
          SELECT pos FROM ${s}.outbox
          WHERE deliver_at <= now() AND pos <> ALL ($1::bigint[]) AND ($2::bigint IS NULL OR pos = $2::bigint)
          ORDER BY deliver_at, pos LIMIT 100 FOR UPDATE SKIP LOCKED)
        RETURNING pos`,
    },
    /** What `promote` would take. $1: not these. */
    findDue: {
      name: 'relay_find_due',
      text: `
        SELECT pos FROM ${s}.outbox WHERE deliver_at <= now() AND pos <> ALL ($1::bigint[])
        ORDER BY deliver_at, pos LIMIT 100`,
    },
    /**
     * The first row of the line and how far it is, with how many rows have ever been deleted: what moves while somebody works.
     * If that is still $1: whether the lock is free. It is held for this moment only, and not asked for while something moves,
     * because that would refuse it to the one who works.
     */
    look: {
      name: 'relay_look',
      text: `
        SELECT head, CASE WHEN head = $1::text THEN ${tryLead(s)} ELSE false END AS is_free
        FROM (
          SELECT (
            SELECT concat_ws(' ', pos, progress, pg_stat_get_tuples_deleted('${s}.outbox'::regclass))
            FROM ${s}.outbox WHERE ${IN_LINE} ORDER BY pos LIMIT 1) AS head
          OFFSET 0) l`,
    },
    /**
     * The head of the line. $1: rows at most; $2: bytes at most, but for the first; $3: after this position; $4: positions to
     * pass over. Without the lock: a client that stops reading the answer would keep it.
     */
    read: {
      name: 'relay_read',
      text: `
        -- From row to row by the index. Statistics know nothing of a table that is usually empty: asked for 500 rows in order,
        -- the planner read and sorted all of a hundred thousand, for each 500.
        WITH RECURSIVE walk AS (
          (SELECT pos FROM ${s}.outbox WHERE ${IN_LINE} AND pos > $3::bigint ORDER BY pos LIMIT 1)
          UNION ALL
          SELECT (SELECT o.pos FROM ${s}.outbox o WHERE ${IN_LINE} AND o.pos > walk.pos ORDER BY o.pos LIMIT 1)
          FROM walk WHERE walk.pos IS NOT NULL),
        next AS MATERIALIZED (
          SELECT pos FROM walk WHERE pos IS NOT NULL AND pos NOT IN (SELECT unnest($4::bigint[])) LIMIT $1::int)
        SELECT ${COLUMNS} FROM (
          SELECT o.*, sum(pg_column_size(payload)) OVER (ORDER BY pos) - pg_column_size(payload) AS before
          FROM next JOIN ${s}.outbox o USING (pos)) o
        WHERE before < $2::int
        ORDER BY pos`,
    },
    /** $1, $2: as with `read`; $3: up to this position; $4: positions to leave out, up to a hundred thousand. */
    readLate: {
      name: 'relay_read_late',
      text: `
        WITH known AS MATERIALIZED (SELECT unnest($4::bigint[]) AS pos),
        late AS MATERIALIZED (
          SELECT pos FROM ${s}.outbox WHERE ${IN_LINE} AND pos <= $3::bigint AND pos NOT IN (SELECT pos FROM known)
          ORDER BY pos LIMIT $1::int)
        SELECT ${COLUMNS} FROM (
          SELECT o.*, sum(pg_column_size(payload)) OVER (ORDER BY pos) - pg_column_size(payload) AS before
          FROM late JOIN ${s}.outbox o USING (pos)) o
        WHERE before < $2::int
        ORDER BY pos`,
    },
    /**
     * Rows that were set aside and whose time has come. First those that were never refused by themselves, and may be good,
     * from both ends: they must not wait for a flood of others. They are out of the line for another half a minute: if this
     * instance is killed, they come back then. $3: not these.
     */
    claimDue: {
      name: 'relay_claim_due',
      text: `
        WITH ${CLAIMABLE}
        UPDATE ${s}.outbox SET ${CLAIMED} WHERE pos IN (SELECT pos FROM claimable)
        RETURNING ${COLUMNS}`,
    },
    /** One of them. A statement of its own: as a condition of the other it would make the planner sort all that are due. */
    claimOne: {
      name: 'relay_claim_one',
      text: `
        UPDATE ${s}.outbox SET ${CLAIMED}
        WHERE pos = $1::bigint AND attempts < ${MAX_ATTEMPTS} AND retry_at <= now()
        RETURNING ${COLUMNS}`,
    },
    /** What `claimDue` would take, with the same values. */
    findClaimable: { name: 'relay_find_claimable', text: `WITH ${CLAIMABLE} SELECT pos FROM claimable ORDER BY pos` },
    /**
     * Takes rows out of the line. $1: positions; $2: attempts to count, ${MAX_ATTEMPTS} to park them; $3: until when, in
     * ms from now (null: by backoff); $4: why. Answers those that were there, and not locked.
     */
    setAside: {
      name: 'relay_set_aside',
      text: `
        WITH w AS MATERIALIZED (
          SELECT w.*, least(o.attempts + w.counts, ${MAX_ATTEMPTS}) AS attempts
          FROM unnest($1::bigint[], $2::int[], $3::float8[], $4::text[]) w(pos, counts, wait_ms, error)
          JOIN ${s}.outbox o USING (pos) WHERE o.attempts < ${MAX_ATTEMPTS} FOR UPDATE OF o SKIP LOCKED)
        UPDATE ${s}.outbox o SET attempts = w.attempts, last_error = w.error,
          retry_at = CASE WHEN w.attempts < ${MAX_ATTEMPTS} THEN clock_timestamp()
            + coalesce(w.wait_ms, ${BACKOFF_MS} * 2 ^ greatest(w.attempts - 1, 0)) * interval '1 ms' END
        FROM w WHERE o.pos = w.pos
        RETURNING o.pos, o.attempts,
          (extract(epoch FROM o.retry_at - clock_timestamp()) * 1000)::float8 AS due_in_ms`,
    },
    /** $1: a message's id. Is the first part of a message here that the version before wrote as several rows? */
    findFirstPart: {
      name: 'relay_find_first_part',
      text: `
        SELECT is_stored, CASE WHEN is_stored THEN false ELSE EXISTS (
          SELECT FROM ${s}.outbox
          WHERE lower(payload ->> 'id') = $1::uuid::text AND payload -> 'continues' IS DISTINCT FROM 'true'::jsonb)
        END AS is_waiting
        FROM (SELECT EXISTS (SELECT FROM ${s}.message WHERE id = $1::uuid) AS is_stored) m`,
    },
    /** Is an instance of the version before alive? It knows nothing of a row that is delivered bit by bit. */
    hasOlder: {
      name: 'relay_has_older',
      text: `
        SELECT EXISTS (
          SELECT FROM ${s}.instance WHERE protocol IS NULL AND seen_at > now() - interval '30 seconds') AS has_older`,
    },
    /** Who keeps this instance from relaying. */
    findLeader: {
      name: 'relay_find_leader',
      text: `
        SELECT a.pid, a.usename AS role, a.application_name AS application,
          round(extract(epoch FROM clock_timestamp() - a.state_change))::int AS seconds
        FROM pg_locks l JOIN pg_stat_activity a USING (pid)
        WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND (l.classid::bigint << 32 | l.objid::bigint) = ${leaderKey(s)}`,
    },
  } satisfies Record<string, Statement>;
}
