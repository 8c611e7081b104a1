import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.js';
import type { PrivatePostgres } from '../../test/support/postgres-server.js';
import { withDatabase } from './bench-database.js';
import type { BrokerName, BrokerServers } from './broker-servers.js';
import { InstanceProcess } from './instance-process.js';
import { Listener } from './listener.js';
import { countMessages } from './message-counter.js';
import { cpuOfTree } from './process-usage.js';

export interface Load {
  postgres: PrivatePostgres;
  servers: BrokerServers;
  notifications: number;
  perSecond: number;
  recipients: number;
}

/** What one run with one broker gave; milliseconds, and those of CPU for all notifications together. */
export interface Sample {
  /** From before `notify()` until it resolves. */
  'notify p50': number;
  /** From before `notify()` until the frame has come to a client of the other instance. */
  'frame p50': number;
  'frame p99': number;
  'cpu sender': number;
  'cpu receiver': number;
  'cpu postgres': number;
  'cpu broker': number;
  messages: number;
  /** Of as many notifications as fast as they go, 50 under way. */
  'burst cpu': number;
  'burst messages': number;
}

/** Warms up, sends at a steady rate, and then as fast as it goes. */
export async function measure(name: BrokerName, load: Load): Promise<Sample> {
  const { postgres, servers, notifications, recipients, perSecond } = load;
  return await withDatabase(postgres.url, async (postgresUrl, channel) => {
    const brokerUrl = servers.urlOf(name);
    const options = { postgresUrl, broker: name, brokerUrl };
    const sender = await InstanceProcess.start(options);
    const receiver = name === 'in-process' ? sender : await InstanceProcess.start(options);
    const counter = await countMessages(name, { channel, url: brokerUrl, postgresUrl });
    const clients = await Promise.all(
      Array.from({ length: recipients }, (_, i) => Listener.open(receiver.url, `user ${i}`)),
    );
    const pid = servers.pidOf(name);
    const usage = async () => ({
      sender: await sender.cpuMs(),
      receiver: await receiver.cpuMs(),
      postgres: cpuOfTree(postgres.pid as number),
      broker: pid === undefined ? 0 : cpuOfTree(pid),
      messages: counter.messages,
    });
    const received = () => clients.reduce((sum, client) => sum + client.received, 0);
    const run = async (send: () => Promise<number[]>) => {
      const before = await usage();
      const already = received();
      for (const client of clients) client.latencies = [];
      const sent = await send();
      await eventually(
        () => {
          if (received() < already + sent.length) throw new Error(`${received() - already} have come`);
        },
        { timeoutMs: 60_000 },
      );
      // What each process still does for them.
      await sleep(200);
      const after = await usage();
      const used = (key: keyof typeof before) => after[key] - before[key];
      return { sent, used, latencies: clients.flatMap((client) => client.latencies) };
    };
    try {
      await run(() => sender.send({ do: 'burst', notifications: 1_000, recipients, underWay: 5 }));
      const steady = await run(() => sender.send({ do: 'send', notifications, recipients, perSecond }));
      const burst = await run(() => sender.send({ do: 'burst', notifications, recipients, underWay: 50 }));
      const cpu = (of: typeof steady) =>
        of.used('sender') + (receiver === sender ? 0 : of.used('receiver')) + of.used('postgres') + of.used('broker');
      return {
        'notify p50': percentile(steady.sent, 50),
        'frame p50': percentile(steady.latencies, 50),
        'frame p99': percentile(steady.latencies, 99),
        'cpu sender': steady.used('sender'),
        'cpu receiver': receiver === sender ? 0 : steady.used('receiver'),
        'cpu postgres': steady.used('postgres'),
        'cpu broker': steady.used('broker'),
        messages: steady.used('messages'),
        'burst cpu': cpu(burst),
        'burst messages': burst.used('messages'),
      };
    } finally {
      for (const client of clients) client.close();
      await counter.close();
      await Promise.all([...new Set([sender, receiver])].map((instance) => instance.end()));
    }
  });
}

function percentile(numbers: number[], percent: number): number {
  const sorted = numbers.sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}
