// An instance with many streams, to be flooded by the channel of its broker.
// Arguments: the broker's name, its URL, that of the database, and how many are connected.
// Answers each line of its input: the bytes of its heap, how many signals its streams were given, and whether a
// notification and a broadcast still arrive.
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { MessageEvent } from '@nestjs/common';
import type { BrokerFactory } from '../../src/notifications/broker/broker.js';
import { natsBroker } from '../../src/notifications/broker/nats.broker.js';
import { postgresBroker } from '../../src/notifications/broker/postgres.broker.js';
import { redisBroker } from '../../src/notifications/broker/redis.broker.js';
import { startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';

/** What an instance of the test tells of itself. */
export interface Report {
  heapBytes: number;
  signals: number;
}

const FACTORIES: Record<string, (url: string) => BrokerFactory> = {
  postgresBroker: (url) => postgresBroker({ url }),
  redisBroker: (url) => redisBroker({ url }),
  natsBroker: (servers) => natsBroker({ servers }),
};

const [name = '', brokerUrl = '', url = '', connected = ''] = process.argv.slice(2);
const crm = await startCrmApp({ url }, { notifications: { sweepMs: 3_600_000, broker: FACTORIES[name]?.(brokerUrl) } });

// Not allowed in NODE_OPTIONS.
setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

let [ready, signals, arrived] = [0, 0, 0];
for (let i = 0; i < Number(connected); i++) {
  crm.notifications.stream(`user ${i}`).subscribe(({ type }: MessageEvent) => {
    if (type === 'ready') ready += 1;
    else if (type === 'signal') signals += 1;
    else if (!type) arrived += 1;
  });
}

async function report(): Promise<Report> {
  const before = arrived;
  await crm.notifications.notify('user 0', { type: 't', title: 'x' });
  await crm.notifications.broadcast({ type: 't', title: 'x' });
  await eventually(() => {
    if (arrived - before < Number(connected) + 1) throw new Error(`Only ${arrived - before} have arrived`);
  }, PATIENCE);
  gc();
  return { heapBytes: process.memoryUsage().heapUsed, signals };
}

const PATIENCE = { timeoutMs: 20_000 };
await eventually(() => {
  if (ready < Number(connected)) throw new Error(`Only ${ready} are ready`);
}, PATIENCE);
console.log('ready');
for await (const _ of createInterface({ input: process.stdin })) console.log(JSON.stringify(await report()));
await crm.close();
