import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startPrivatePostgres } from '../test/support/postgres-server.js';
import { issueRunToken } from '../test/support/run-token.js';
import { BROKERS, type BrokerName, startBrokerServers } from './support/broker-servers.js';
import { measure, type Sample } from './support/measure.js';

// What each broker costs, and how fast it is: `npm run bench:brokers`. Two instances as processes of their own over one
// Postgres; one sends, the clients listen at the other (with inProcessBroker: at the same one, its only use). The
// brokers take turns, so that a machine that is busy for a while is so for all of them. What counts their messages is
// one more subscriber, and part of what a server costs.
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    notifications: { type: 'string', default: '1000' },
    'per-second': { type: 'string', default: '100' },
  },
});
const rounds = Number(values.rounds);
const load = { notifications: Number(values.notifications), perSecond: Number(values['per-second']), recipients: 100 };

issueRunToken();
const postgres = await startPrivatePostgres({ fsync: 'on' });
const servers = await startBrokerServers();
const samples = new Map<BrokerName, Sample[]>(BROKERS.map((name) => [name, []]));
try {
  for (let round = 1; round <= rounds; round++) {
    for (const name of BROKERS) {
      process.stderr.write(`round ${round} of ${rounds}: ${name}\n`);
      samples.get(name)?.push(await measure(name, { postgres, servers, ...load }));
    }
  }
} finally {
  await servers.dispose();
  await postgres.dispose();
}

const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
const table = Object.fromEntries(
  [...samples].map(([name, all]) => {
    const keys = Object.keys(all[0] ?? {}) as (keyof Sample)[];
    return [name, Object.fromEntries(keys.map((key) => [key, Number(median(all.map((s) => s[key])).toPrecision(3))]))];
  }),
);
console.log(
  `${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}, ${servers.versions.join(', ')}; ` +
    `medians of ${rounds} rounds, per ${load.notifications} notifications, ${load.perSecond} a second`,
);
console.table(table);
