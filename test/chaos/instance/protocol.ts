import type { BrokerKind } from '../settings.js';

/** How an instance is started: the JSON of its first argument. It prints one line, `listening`, once it is up. */
export interface InstanceOptions {
  port: number;
  /** Through a proxy that can go silent. */
  postgresUrl: string;
  broker: BrokerKind;
  brokerUrl: string;
  sweepMs: number;
  hints: HintFaults;
  seed: number;
}

/** A notification that a writer wants. */
export interface Wanted {
  /** Its number in the ledger; it travels in `data`. */
  op: number;
  tenant: string;
  /** Null: a broadcast. */
  to: string[] | null;
  /** Characters of three bytes each; the instance fills them in. */
  bodyLength?: number;
  deliverAt?: string;
  expiresAt?: string;
  idempotencyKey?: string;
}

/** The body of `POST /chaos/write`. Answered with 200 if, and only if, all of it is stored. */
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
