import type { KeySnapshot } from '../broker/keyring.js';
import { ALIVE_SECONDS } from './connection-counts.js';
import type { NotificationsDataSource, Statement } from './database.js';

/**
 * Instances read the keys every 15 s, and later where Postgres doesn't answer: a new key is signed with when all of them
 * know it.
 */
const RIPE_SECONDS = 60;
/** More are not needed: keys that nobody signs with any more are deleted. */
const MAX_KEYS = 16;

interface KeyRow {
  id: string | null;
  secret: string;
  is_ripe: boolean;
  has_unsigned: boolean;
  now: string;
}

/** Reads the keys that instances sign their messages with, and whether all instances sign. */
export async function readBrokerKeys(database: NotificationsDataSource): Promise<KeySnapshot> {
  const rows = await database.run<KeyRow>(keysStatement(database.quotedSchema));
  const [first] = rows;
  return {
    keys: rows.flatMap(({ id, secret, is_ripe }) =>
      id === null ? [] : [{ id: Number(id), secret: Buffer.from(secret, 'hex'), isRipe: is_ripe }],
    ),
    hasUnsignedInstances: first?.has_unsigned ?? false,
    now: Number(first?.now),
  };
}

// As text: a host may have parsers of its own for binary data.
function keysStatement(s: string): Statement {
  return {
    name: 'broker_keys',
    text: `
      SELECT k.id, encode(k.secret, 'hex') AS secret, k.created_at <= now() - interval '${RIPE_SECONDS} seconds' AS is_ripe,
        EXISTS (
          SELECT FROM ${s}.instance
          WHERE protocol IS NULL AND seen_at > now() - interval '${ALIVE_SECONDS} seconds') AS has_unsigned,
        extract(epoch FROM clock_timestamp()) * 1000 AS now
      FROM (SELECT) one LEFT JOIN ${s}.broker_key k ON true
      ORDER BY k.id DESC LIMIT ${MAX_KEYS}`,
  };
}
