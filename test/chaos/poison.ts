import type pg from 'pg';
import type { Random } from '../support/random.js';
import { type Ledger, list } from './ledger.js';
import { MASSES } from './masses.js';

const GOOD = { type: 'poison', title: 'Nobody may see this', tenant: MASSES, recipients: ['mass-0'] };

/** Rows that other programs write and that can't be delivered, each in its way. */
const BAD: readonly ((random: Random) => unknown)[] = [
  () => ({ ...GOOD, title: '' }),
  () => ({ ...GOOD, title: 7 }),
  () => ({ ...GOOD, title: undefined }),
  () => ({ ...GOOD, type: 'x'.repeat(101) }),
  () => ({ ...GOOD, recipients: 'mass-0' }),
  () => ({ ...GOOD, recipients: [] }),
  () => ({ ...GOOD, recipients: ['mass-0', null] }),
  () => ({ ...GOOD, url: 'javascript:alert(1)' }),
  () => ({ ...GOOD, data: 'text' }),
  () => ({ ...GOOD, expiresAt: 'tomorrow' }),
  () => ({ ...GOOD, id: 'no uuid' }),
  () => [GOOD],
  () => 'text',
  // Of a version to come.
  (random) => ({ ...GOOD, [`field${random.between(1, 3)}`]: true }),
  (random) => ({ ...GOOD, kind: `kind-${random.between(1, 3)}` }),
  // They pass every check of ours.
  () => ({ ...GOOD, recipients: ['fussy-0-always'] }),
  () => ({ ...GOOD, recipients: ['mass-1', 'mass-2', 'fussy-0-always'] }),
];
/** Refused with its first recipients, so that nobody has it: those before a refused one would have it. */
const LARGE = { ...GOOD, recipients: ['fussy-0-always', ...Array.from({ length: 7_000 }, (_, i) => `mass-${i}`)] };

/** Many of one kind, or of all. */
export function poison(random: Random, count: number): unknown[] {
  const kinds = random.chance(0.5) ? [random.pick(BAD)] : BAD;
  const rows = Array.from({ length: count }, () => random.pick(kinds)(random));
  return random.chance(0.3) ? [...rows, LARGE] : rows;
}

/** What can't be delivered stays where somebody can look at it. */
export async function judgePoison(pool: pg.Pool, ledger: Ledger): Promise<{ rows: number; parked: number }> {
  const { rows } = await pool.query<{ pos: string; attempts: number | null }>(`
    SELECT p.pos, o.attempts FROM chaos_poison p LEFT JOIN notifications.outbox o USING (pos) ORDER BY p.pos`);
  const gone = rows.filter(({ attempts }) => attempts === null).map(({ pos }) => pos);
  if (gone.length > 0) ledger.violate('what is refused stays in the outbox', `rows ${list(gone)} are gone`);
  return { rows: rows.length, parked: rows.filter(({ attempts }) => (attempts ?? 0) >= 5).length };
}
