import type pg from 'pg';
import type { Mass } from './instance/protocol.js';
import { massesOf } from './instance/protocol.js';
import { type Ledger, list, namesOf, type Operation, type Recipients } from './ledger.js';

/** The tenant of those who get large messages. Nobody broadcasts to it. */
export const MASSES = 'masses';

/** A range of the masses, and perhaps a fussy one among them, without a set of thousands for each message. */
export class MassOf implements Recipients {
  readonly size: number;

  constructor(readonly mass: Mass) {
    this.size = mass.count + (mass.fussy ? 1 : 0);
  }

  has(recipient: string): boolean {
    const { first, count, of, fussy } = this.mass;
    if (recipient === fussy) return true;
    const found = /^mass-(\d+)$/.exec(recipient);
    return found !== null && (Number(found[1]) - first + of) % of < count;
  }

  [Symbol.iterator](): Iterator<string> {
    return massesOf(this.mass)[Symbol.iterator]();
  }
}

/**
 * Lets the host's tables refuse a recipient `fussy-NUMBER-TIMES` so often, or for good if that is `always`. What is
 * counted survives the rollback: each has a sequence. Sessions of the version before are not refused for a time: it
 * loses the rest of a large message of which one part is refused.
 */
export async function installRefusals(pool: pg.Pool): Promise<void> {
  await pool.query(`
    CREATE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        times text := split_part(NEW.recipient_id, '-', 3);
      BEGIN
        IF times = 'always' THEN
          RAISE EXCEPTION 'chaos: % is always refused', NEW.recipient_id;
        END IF;
        IF current_setting('application_name') LIKE 'before%' THEN
          RETURN NEW;
        END IF;
        IF nextval('chaos_fussy_' || split_part(NEW.recipient_id, '-', 2)) <= times::int THEN
          RAISE EXCEPTION 'chaos: % is refused for now', NEW.recipient_id;
        END IF;
        RETURN NEW;
      END $$`);
  await pool.query(`
    CREATE TRIGGER chaos_refuse BEFORE INSERT ON notifications.inbox_item FOR EACH ROW
      WHEN (NEW.recipient_id LIKE 'fussy-%') EXECUTE FUNCTION chaos_refuse()`);
}

/** A recipient whom the trigger refuses so often. */
export async function createFussy(pool: pg.Pool, number: number, times: number): Promise<string> {
  await pool.query(`CREATE SEQUENCE IF NOT EXISTS chaos_fussy_${number}`);
  return `fussy-${number}-${times}`;
}

/** Reads of the masses what is too much to be looked at one by one. */
export async function judgeMasses(pool: pg.Pool, ledger: Ledger): Promise<void> {
  const large = [...ledger.operations.values()].filter(isLarge);
  const masses = large.map(({ to }) => to.mass);
  const { rows } = await pool.query<Held>(
    `WITH wanted AS (
       SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::int[], $5::text[]) w(op, first, count, total, fussy)),
     held AS (
       SELECT m.id, (m.data ->> 'op')::int AS op, t.recipient_id, t.created_at,
         substring(t.recipient_id FROM '^mass-([0-9]+)$')::int AS number
       FROM notifications.message m LEFT JOIN notifications.inbox_item t ON t.message_id = m.id
       WHERE m.tenant_id = $6)
     SELECT h.op, count(DISTINCT h.id)::int AS messages, min(h.created_at) AS first, count(h.recipient_id)::int AS items,
       count(DISTINCT h.recipient_id)::int AS recipients,
       count(h.recipient_id) FILTER (WHERE (h.number - w.first + w.total) % w.total < w.count
         OR h.recipient_id = w.fussy)::int AS meant
     FROM held h LEFT JOIN wanted w USING (op) GROUP BY h.op`,
    [
      large.map(({ op }) => op),
      masses.map(({ first }) => first),
      masses.map(({ count }) => count),
      masses.map(({ of }) => of),
      masses.map(({ fussy }) => fussy ?? null),
      MASSES,
    ],
  );
  const held = new Map(rows.map((row) => [row.op, row]));
  for (const [op, row] of held) {
    if (!ledger.operations.has(Number(op))) {
      ledger.violate('nothing is seen that nobody sent', `${row.items} items of the masses: operation ${op}`);
    }
  }
  for (const operation of large) judgeLarge(operation, held.get(operation.op), ledger);
  await judgeCounters(pool, ledger);
}

/** Everybody has it once, or nobody has it. */
function judgeLarge(operation: Operation & { to: MassOf }, held: Held | undefined, ledger: Ledger): void {
  const what = `operation ${operation.op} to ${namesOf(operation)}${operation.to.mass.fussy ? ', one of them fussy' : ''}`;
  if (!held) return;
  const { messages, items, recipients, meant, first } = held;
  if (operation.never) ledger.violate('no transaction that rolled back is seen', what);
  if (messages > 1 || items > recipients) {
    ledger.violate('nothing is delivered twice', `${what}: ${messages} messages, ${items} items of ${recipients}`);
  }
  if (meant < items) {
    ledger.violate('nothing reaches another recipient or tenant', `${what}: ${items - meant} items of others`);
  }
  if (operation.deliverAt && first && first < new Date(operation.deliverAt)) {
    ledger.violate('nothing is delivered before its time', what);
  }
  if (recipients !== operation.to.size) {
    ledger.violate('what exists is with all its recipients', `${what}: ${recipients} of ${operation.to.size} have it`);
  }
}

/** Nobody reads, removes or lets expire anything there: each inbox has 1, 2, 3 … up to its `last_id`, all unread. */
async function judgeCounters(pool: pg.Pool, ledger: Ledger): Promise<void> {
  const { rows } = await pool.query<{ recipient: string }>(
    `SELECT recipient_id AS recipient FROM notifications.inbox i
     LEFT JOIN (
       SELECT recipient_id, count(*) AS items, max(id) AS last FROM notifications.inbox_item WHERE tenant_id = $1
       GROUP BY recipient_id) t USING (recipient_id)
     WHERE i.tenant_id = $1
       AND (i.last_id <> coalesce(t.items, 0) OR i.last_id <> coalesce(t.last, 0) OR i.unread <> coalesce(t.items, 0))`,
    [MASSES],
  );
  if (rows.length > 0) ledger.violate('counters equal rows', `of ${list(rows.map(({ recipient }) => recipient))}`);
}

function isLarge(operation: Operation): operation is Operation & { to: MassOf } {
  return operation.to instanceof MassOf;
}

interface Held {
  op: number | null;
  messages: number;
  /** When the first item was stored. */
  first: Date | null;
  items: number;
  recipients: number;
  /** Items of those for whom it was. */
  meant: number;
}
