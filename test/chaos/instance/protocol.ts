import type { BrokerKind } from '../settings.js';

/**
 * How an instance is started: the JSON of its first argument. It prints one line, `listening`, once it is up; what it
 * logs goes to stderr, a line of JSON for each {@link LogEntry}.
 */
export interface InstanceOptions {
  /** Its sessions in Postgres begin with it. */
  name: string;
  port: number;
  /** Through a proxy that can go silent. */
  postgresUrl: string;
  broker: BrokerKind;
  brokerUrl: string;
  sweepMs: number;
  streamWriter: 'socket' | 'nest';
  hints: HintFaults;
  seed: number;
}

/** What an instance logs. */
export interface LogEntry {
  /**
   * `host`: the text is how many ms after SIGTERM a transaction of the host itself was still under way. `late`: the text says what the
   * shutdown waits for.
   */
  level: 'warn' | 'error' | 'fatal' | 'host' | 'late';
  text: string;
}

/** Some of the masses, one after the other from the first on; after the last comes number 0. */
export interface Mass {
  first: number;
  count: number;
  /** How many there are. */
  of: number;
  /** One more recipient, whom a trigger refuses. */
  fussy?: string;
  /** Where among the others that one is. */
  fussyAt?: number;
}

/** Their ids. */
export function massesOf({ first, count, of, fussy, fussyAt = 0 }: Mass): string[] {
  const ids = Array.from({ length: count }, (_, i) => `mass-${(first + i) % of}`);
  if (fussy) ids.splice(fussyAt, 0, fussy);
  return ids;
}

/** A notification that a writer wants. */
export interface Wanted {
  /** Its number in the ledger; it travels in `data`. */
  op: number;
  tenant: string;
  /** Null: a broadcast, unless it is for the masses. */
  to: string[] | null;
  /** Too many to be sent one by one. */
  mass?: Mass;
  /** Characters of three bytes each; the instance fills them in. */
  bodyLength?: number;
  deliverAt?: string;
  expiresAt?: string;
  idempotencyKey?: string;
}

/** The body of `POST /chaos/write`. Answered with 200 if, and only if, all of it is stored; else with a `code`. */
export interface WriteRequest {
  wanted: Wanted[];
  /** In one transaction with the rows of `chaos_deal` that say so. */
  transaction: boolean;
  /** The transaction is rolled back at its end. */
  rollback: boolean;
  /** How long the transaction stays open after its last statement. */
  holdMs: number;
}

/** The body of `POST /chaos/hints`: how many of a hundred hints are lost, come twice, or come late. */
export interface HintFaults {
  lost: number;
  doubled: number;
  late: number;
}

/** The header that the host app believes: `tenant/recipient`. */
export const IDENTITY_HEADER = 'x-chaos-identity';

/** How many milliseconds the host app takes to find out who asks. */
export const WAIT_HEADER = 'x-chaos-wait';
