import type { BrokerName } from './broker-servers.js';

/** What an instance is started with, as JSON on its command line. */
export interface InstanceOptions {
  postgresUrl: string;
  broker: BrokerName;
  brokerUrl?: string;
}

/** What it is asked: to send so many notifications, at a rate or with so many under way; or how it is. */
export type Request =
  | { do: 'send'; notifications: number; recipients: number; perSecond: number }
  | { do: 'burst'; notifications: number; recipients: number; underWay: number }
  | { do: 'usage' };

export type Answer = { listening: number } | { sent: number[] } | { cpuMs: number };

/** The header that says whose request it is. */
export const RECIPIENT_HEADER = 'x-recipient';

/** Of all processes of this machine alike. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
