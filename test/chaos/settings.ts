// How to run it and how to read what it prints: README.md, beside this file.
import type { HintFaults } from './instance/protocol.js';

const BROKERS = ['postgres', 'redis', 'nats', 'none'] as const;
export type BrokerKind = (typeof BROKERS)[number];

/** What goes wrong, and how often compared with the others. */
export const FAULT_WEIGHTS = {
  /** kill -9 of an instance, and its restart. */
  kill: 4,
  /** SIGTERM of an instance, and its restart. */
  terminate: 3,
  /** Some backends of Postgres are terminated. */
  backends: 4,
  /** Postgres crashes and recovers. */
  postgres: 2,
  /** Redis or NATS is stopped and started. */
  broker: 3,
  /** The connections of an instance to Postgres go silent, and break after seconds. */
  'silent-postgres': 2,
  /** The same, and they never break by themselves: timeouts must notice. */
  'half-open-postgres': 1,
  /** The connections of an instance to its broker go silent for good; new ones work after seconds. */
  'half-open-broker': 3,
  /** For seconds an instance neither sends nor hears any hint. */
  deaf: 3,
} as const;
export type FaultKind = keyof typeof FAULT_WEIGHTS;
const FAULTS = Object.keys(FAULT_WEIGHTS) as FaultKind[];

/** Who behaves badly beside us, and how often compared with the others. */
export const NEIGHBOUR_WEIGHTS = {
  /** A direct message to thousands of recipients. */
  large: 3,
  /** The same in a transaction with a business row; some roll back. */
  'large-transaction': 2,
  /** The same for later. */
  'large-later': 2,
  /** Any of these, and a trigger of the host refuses one of the recipients once or twice. */
  'large-refused': 3,
  /** Hundreds of bad rows in the outbox, and a good one behind them. */
  poison: 3,
  /** A foreign transaction holds rows of inboxes for seconds. */
  'inbox-lock': 3,
  /** A foreign session holds the advisory lock of the relay for seconds. */
  'leader-lock': 2,
  /** A hundred broadcasts at once. */
  'broadcast-flood': 1,
  /** Signals and hints of a stranger on the channel of the broker, also in real messages that were tampered with. */
  'forged-messages': 3,
  /** A megabyte on that channel. */
  'huge-messages': 1,
  /** Bytes on that channel that are no message. */
  'malformed-messages': 2,
  /** Clients that send many requests in one write, and reset the connection at any moment. */
  pipelining: 4,
  /** ALTER DATABASE … SET some_timeout, for up to half a minute; many sessions begin with it. */
  'database-timeouts': 2,
} as const;
export type NeighbourKind = keyof typeof NEIGHBOUR_WEIGHTS;
const NEIGHBOURS = Object.keys(NEIGHBOUR_WEIGHTS) as NeighbourKind[];

export interface Settings {
  seed: number;
  /** How long writers write and faults happen; before and after that come the start and the quiet. */
  seconds: number;
  broker: BrokerKind;
  instances: number;
  /** Instances of the version before, beside the others. 0 where the history of git doesn't have it. */
  instancesBefore: number;
  /** Over all tenants. */
  recipients: number;
  /** Recipients of large messages, at least 6,000, in a tenant of their own; nobody listens for them. */
  masses: number;
  /** At least one for each recipient. */
  connections: number;
  /** Calls and transactions that notify, as far as the machine keeps up. */
  writesPerSecond: number;
  /** Reading, marking and removing, as far as the machine keeps up. */
  changesPerSecond: number;
  faults: readonly FaultKind[];
  /** The mean pause between two faults. */
  faultEveryMs: number;
  neighbours: readonly NeighbourKind[];
  /** The mean pause between what two neighbours do. */
  neighbourEveryMs: number;
  /** After so long a time of faults comes a lull: no fault, and of the neighbours those that must delay nobody. */
  lullEveryMs: number;
  lullMs: number;
  /** How often each connection is treated badly by its client. */
  clientFaultEveryMs: number;
  /** Of a hundred hints on each way: how many are lost, come twice, or come once more and late. */
  hintsLost: number;
  hintsDoubled: number;
  hintsLate: number;
  /** Of the instances. */
  sweepMs: number;
  /** How long, while nothing is broken, what is ready may wait in the outbox, or a call for its answer. */
  delayMs: number;
  /** How long an instance may take to end after SIGTERM, whatever is broken. */
  termMs: number;
  /** How long everything may take to settle after the last fault; what is not right by then is a violation. */
  settleSeconds: number;
}

export const DEFAULTS: Omit<Settings, 'seed'> = {
  seconds: 60,
  broker: 'postgres',
  instances: 3,
  instancesBefore: 1,
  recipients: 200,
  masses: 20_000,
  connections: 400,
  writesPerSecond: 30,
  changesPerSecond: 10,
  faults: FAULTS,
  faultEveryMs: 1_500,
  neighbours: NEIGHBOURS,
  neighbourEveryMs: 2_000,
  lullEveryMs: 40_000,
  lullMs: 20_000,
  clientFaultEveryMs: 12_000,
  hintsLost: 5,
  hintsDoubled: 10,
  hintsLate: 10,
  sweepMs: 3_000,
  delayMs: 10_000,
  termMs: 5_000,
  settleSeconds: 90,
};

const USAGE = `npm run chaos -- [--broker ${BROKERS.join('|')}] [--faults ${FAULTS.join(',')}]
  [--neighbours ${NEIGHBOURS.join(',')}]
  [--seed N] ${Object.entries(DEFAULTS)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => `[--${kebab(name)} ${value}]`)
    .join(' ')}
--faults and --neighbours also take 'all', 'none', and '-name' for all but that one. Each may also be set by the environment, as CHAOS_SECONDS or CHAOS_FAULTS.`;

export function usualHintFaults({ hintsLost, hintsDoubled, hintsLate }: Settings): HintFaults {
  return { lost: hintsLost, doubled: hintsDoubled, late: hintsLate };
}

/** @throws {Error} with the usage, for an option or a value that it doesn't know. */
export function parseSettings(args: readonly string[], env: NodeJS.ProcessEnv = {}): Settings {
  const settings: Settings = { ...DEFAULTS, seed: Math.floor(Math.random() * 2 ** 32) };
  const names = Object.keys(settings) as (keyof Settings)[];
  for (const name of names) {
    const value = env[`CHAOS_${kebab(name).replaceAll('-', '_').toUpperCase()}`];
    if (value) set(settings, name, value);
  }
  for (let i = 0; i < args.length; i += 2) {
    const name = names.find((known) => `--${kebab(known)}` === args[i]);
    const value = args[i + 1];
    if (!name || value === undefined) throw new Error(`${args[i]} is unknown, or has no value.\n${USAGE}`);
    set(settings, name, value);
  }
  return settings;
}

function set(settings: Settings, name: keyof Settings, value: string): void {
  if (name === 'broker') settings.broker = oneOf(BROKERS, value);
  else if (name === 'faults') settings.faults = someOf(FAULTS, value);
  else if (name === 'neighbours') settings.neighbours = someOf(NEIGHBOURS, value);
  else {
    const number = Number(value);
    if (!(number >= 0)) throw new Error(`${name} must be a number, not ${value}.\n${USAGE}`);
    settings[name] = number;
  }
}

/** `a,b`: these; `-a,-b`: all but these; `all`; `none`. */
function someOf<T extends string>(known: readonly T[], value: string): readonly T[] {
  if (value === 'none') return [];
  if (value === 'all') return known;
  const names = value.split(',');
  const without = names.filter((name) => name.startsWith('-')).map((name) => oneOf(known, name.slice(1)));
  if (without.length === names.length) return known.filter((name) => !without.includes(name));
  return names.map((name) => oneOf(known, name));
}

function oneOf<T extends string>(known: readonly T[], value: string): T {
  const found = known.find((one) => one === value);
  if (!found) throw new Error(`${value} is none of ${known.join(', ')}.\n${USAGE}`);
  return found;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
