import type { Statement } from './database.js';
import { IN_INBOX, IS_READ, MISCOUNTED, NEXT_REVISION, NOT_EXPIRED, NUMBERS, THIS_INBOX } from './inbox.statements.js';

/** What one statement that moves the watermark up goes through at most. */
const ITEMS_PER_STEP = 5_000;
/** So many items get a mark of their own when the watermark goes down; where there are more it stays. */
const ITEMS_BELOW = 1_000;

/** The statements that change what is in an inbox. Each goes through a bounded number of items, however many there are. */
export function changeStatements(s: string) {
  const answer = (changed: string) => `
        SELECT coalesce(c.last_id, i.last_id) AS last_id, coalesce(c.unread, i.unread) AS unread,
          coalesce(c.revision, i.revision) AS revision, ${changed}
        FROM box i LEFT JOIN counted c ON true`;
  return {
    /** $1, $2: the inbox. Locks it; the statement that follows sees what was committed before. */
    lock: {
      name: 'lock_inbox',
      text: `SELECT ${NUMBERS}, ${MISCOUNTED} AS miscounted FROM ${s}.inbox i WHERE ${THIS_INBOX} FOR UPDATE`,
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
          WHERE ${IN_INBOX} AND t.id = ANY ($3::bigint[]) AND NOT ${IS_READ} AND ${NOT_EXPIRED}
          RETURNING t.id),
        counted AS (
          UPDATE ${s}.inbox i SET unread = i.unread - (SELECT count(*) FROM marked), ${NEXT_REVISION}
          WHERE ${THIS_INBOX} AND EXISTS (SELECT FROM marked)
          RETURNING ${NUMBERS})
        ${answer('(SELECT n FROM found) AS found, (SELECT array_agg(id ORDER BY id) FROM marked) AS changed')}`,
    },
    /**
     * $1, $2: the locked inbox; $3: up to this id; $4: how far the step before has come, at first 0. Where few items are
     * above that id it counts those, and is done. Otherwise it takes what is unread among the next items below it out of the
     * count; `next` tells the $4 of the next step, and is null after the last one.
     */
    markReadUpTo: {
      name: 'mark_read_up_to',
      text: `
        WITH box AS MATERIALIZED (
          SELECT i.*, least($3::bigint, i.last_id) AS target FROM ${s}.inbox i WHERE ${THIS_INBOX}),
        above AS MATERIALIZED (
          SELECT count(*) AS n, count(*) FILTER (WHERE t.read_at IS NULL)::int AS unread
          FROM box i CROSS JOIN LATERAL (
            SELECT t.read_at FROM ${s}.inbox_item t
            WHERE ${IN_INBOX} AND t.id > i.target AND i.target >= i.read_up_to
            ORDER BY t.id LIMIT ${ITEMS_PER_STEP + 1}) t),
        goal AS MATERIALIZED (
          SELECT i.*, i.target >= i.read_up_to AND above.n <= ${ITEMS_PER_STEP} AS at_once, above.unread AS rest,
            CASE WHEN i.unread_mark IS NULL THEN i.read_up_to ELSE least($4::bigint, i.read_up_to) END AS start
          FROM box i CROSS JOIN above),
        step AS MATERIALIZED (
          SELECT t.id, NOT ${IS_READ} AS unread, t.id <= i.read_up_to AS below
          FROM goal i CROSS JOIN LATERAL (
            SELECT * FROM ${s}.inbox_item t
            WHERE ${IN_INBOX} AND NOT i.at_once AND t.id > i.start AND t.id <= i.target
            ORDER BY t.id LIMIT ${ITEMS_PER_STEP}) t),
        reached AS MATERIALIZED (
          SELECT at_once, CASE WHEN at_once OR n < ${ITEMS_PER_STEP} THEN target ELSE last END AS id,
            CASE WHEN at_once THEN goal.unread - rest ELSE step.unread END AS fewer
          FROM goal CROSS JOIN (
            SELECT count(*) AS n, max(id) AS last, count(*) FILTER (WHERE unread)::int AS unread FROM step) step),
        marked AS (
          UPDATE ${s}.inbox_item t SET read_at = now() FROM box i, step
          WHERE ${IN_INBOX} AND t.id = step.id AND step.unread AND step.below),
        -- A step that has found nothing unread is no change of the inbox, but moves the watermark for the next one.
        counted AS (
          UPDATE ${s}.inbox i SET unread = i.unread - fewer, revision = i.revision + sign(fewer)::int,
            read_up_to = greatest(i.read_up_to, reached.id),
            unread_mark = CASE WHEN NOT at_once THEN i.unread_mark END,
            unread_mark_revision = CASE WHEN NOT at_once THEN i.unread_mark_revision + sign(fewer)::int END
          FROM reached WHERE ${THIS_INBOX} AND (fewer > 0 OR NOT at_once AND reached.id > i.read_up_to)
          RETURNING ${NUMBERS}, CASE WHEN fewer > 0 THEN reached.id END AS changed)
        ${answer('c.changed, (SELECT nullif(reached.id, i.target) FROM reached) AS next')}`,
    },
    /**
     * $1, $2: the locked inbox; $3: ids. An id below the watermark lowers it to just before that id; what lies between and
     * stays read gets its own mark. Where that would be too many, or any have the mark already, the ids get it: see
     * {@link IS_READ}.
     */
    markUnread: {
      name: 'mark_unread',
      text: `
        WITH box AS MATERIALIZED (SELECT i.* FROM ${s}.inbox i WHERE ${THIS_INBOX}),
        given AS MATERIALIZED (
          SELECT t.id, ${IS_READ} AS read
          FROM box i JOIN ${s}.inbox_item t ON ${IN_INBOX} WHERE t.id = ANY ($3::bigint[]) AND ${NOT_EXPIRED}),
        below AS MATERIALIZED (
          SELECT low.id, i.unread_mark IS NULL AND between_them.n <= ${ITEMS_BELOW} AS lowers,
            coalesce(i.unread_mark, i.revision + 1) AS unread_mark
          FROM box i
          CROSS JOIN LATERAL (SELECT min(id) AS id FROM given WHERE given.id <= i.read_up_to) low
          CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM (
              SELECT FROM ${s}.inbox_item t WHERE ${IN_INBOX} AND t.id >= low.id AND t.id <= i.read_up_to
              ORDER BY t.id LIMIT ${ITEMS_BELOW + 1}) t) between_them
          WHERE low.id IS NOT NULL),
        kept AS (
          UPDATE ${s}.inbox_item t SET read_at = now() FROM box i, below
          WHERE ${IN_INBOX} AND below.lowers AND t.id >= below.id AND t.id <= i.read_up_to AND t.read_at IS NULL
            AND t.id NOT IN (SELECT id FROM given)),
        cleared AS (
          UPDATE ${s}.inbox_item t SET read_at = NULL,
            unread_mark = CASE WHEN NOT below.lowers AND t.id <= i.read_up_to THEN below.unread_mark END
          FROM box i LEFT JOIN below ON true
          WHERE ${IN_INBOX} AND t.id IN (SELECT id FROM given WHERE read)
            AND (t.read_at IS NOT NULL OR NOT below.lowers)),
        counted AS (
          UPDATE ${s}.inbox i SET unread = i.unread + (SELECT count(*) FROM given WHERE read),
            read_up_to = coalesce((SELECT id - 1 FROM below WHERE lowers), i.read_up_to), revision = i.revision + 1,
            unread_mark = coalesce((SELECT unread_mark FROM below WHERE NOT lowers), i.unread_mark),
            unread_mark_revision = CASE WHEN i.unread_mark IS NOT NULL OR EXISTS (SELECT FROM below WHERE NOT lowers)
              THEN i.revision + 1 END
          WHERE ${THIS_INBOX} AND EXISTS (SELECT FROM given WHERE read)
          RETURNING ${NUMBERS})
        ${answer(`(SELECT count(*)::int FROM given) AS found,
          (SELECT array_agg(id ORDER BY id) FROM given WHERE read) AS changed`)}`,
    },
    /** $1, $2: the locked inbox; $3: ids. */
    remove: {
      name: 'remove',
      text: `
        WITH box AS MATERIALIZED (SELECT i.* FROM ${s}.inbox i WHERE ${THIS_INBOX}),
        removed AS (
          DELETE FROM ${s}.inbox_item t USING box i WHERE ${IN_INBOX} AND t.id = ANY ($3::bigint[])
          RETURNING t.id, NOT ${IS_READ} AS unread),
        counted AS (
          UPDATE ${s}.inbox i SET unread = i.unread - (SELECT count(*) FROM removed WHERE unread), ${NEXT_REVISION}
          WHERE ${THIS_INBOX} AND EXISTS (SELECT FROM removed)
          RETURNING ${NUMBERS})
        ${answer(`(SELECT count(*)::int FROM removed) AS found,
          (SELECT array_agg(id ORDER BY id) FROM removed) AS changed`)}`,
    },
  } satisfies Record<string, Statement>;
}
