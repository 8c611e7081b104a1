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

export interface Settings {
  seed: number;
  /** How long writers write and faults happen; before and after that come the start and the quiet. */
  seconds: number;
  broker: BrokerKind;
  instances: number;
  /** Over all tenants. */
  recipients: number;
  /** At least one for each recipient. */
  connections: number;
  /** Calls and transactions that notify, as far as the machine keeps up. */
  writesPerSecond: number;
  /** Reading, marking and removing, as far as the machine keeps up. */
  changesPerSecond: number;
  faults: readonly FaultKind[];
  /** The mean pause between two faults. */
  faultEveryMs: number;
  /** How often each connection is treated badly by its client. */
  clientFaultEveryMs: number;
  /** Of a hundred hints on each way: how many are lost, come twice, or come once more and late. */
  hintsLost: number;
  hintsDoubled: number;
  hintsLate: number;
  /** Of the instances. */
  sweepMs: number;
  /** How long everything may take to settle after the last fault; what is not right by then is a violation. */
  settleSeconds: number;
}

export const DEFAULTS: Omit<Settings, 'seed'> = {
  seconds: 60,
  broker: 'postgres',
  instances: 3,
  recipients: 200,
  connections: 400,
  writesPerSecond: 30,
  changesPerSecond: 10,
  faults: FAULTS,
  faultEveryMs: 1_500,
  clientFaultEveryMs: 12_000,
  hintsLost: 5,
  hintsDoubled: 10,
  hintsLate: 10,
  sweepMs: 3_000,
  settleSeconds: 90,
};

const USAGE = `npm run chaos -- [--broker ${BROKERS.join('|')}] [--faults ${FAULTS.join(',')}]
  [--seed N] ${Object.entries(DEFAULTS)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => `[--${kebab(name)} ${value}]`)
    .join(' ')}
Each may also be set by the environment, as CHAOS_SECONDS or CHAOS_FAULTS.`;

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
  else if (name === 'faults') {
    settings.faults = value === 'none' ? [] : value.split(',').map((fault) => oneOf(FAULTS, fault));
  } else {
    const number = Number(value);
    if (!(number >= 0)) throw new Error(`${name} must be a number, not ${value}.\n${USAGE}`);
    settings[name] = number;
  }
}

function oneOf<T extends string>(known: readonly T[], value: string): T {
  const found = known.find((one) => one === value);
  if (!found) throw new Error(`${value} is none of ${known.join(', ')}.\n${USAGE}`);
  return found;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
