// Starts applications with each broker in a place where neither redis nor @nats-io/transport-node is installed.
// Argument: the URL of their database. Prints what became of each.
import { register } from 'node:module';
import type { BrokerFactory } from '../../src/notifications/index.js';

register('./hide-packages.mjs', import.meta.url, { data: ['redis', '@nats-io/transport-node'] });

const [{ startCrmApp }, { redisBroker }, { natsBroker }] = await Promise.all([
  import('../support/crm-app.js'),
  import('../../src/notifications/broker/redis.broker.js'),
  import('../../src/notifications/broker/nats.broker.js'),
]);
const [url = ''] = process.argv.slice(2);

async function start(broker?: BrokerFactory): Promise<unknown> {
  try {
    const crm = await startCrmApp({ url }, { notifications: { broker } });
    await crm.close();
    return 'started';
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return { name, code, message };
  }
}

console.log(
  JSON.stringify({ redis: await start(redisBroker()), nats: await start(natsBroker()), none: await start() }),
);
// What a failed start leaves open ends with its process, as an operator would see it.
process.exit(0);
