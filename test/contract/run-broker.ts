// Runs brokers and closes them; the process then has nothing left to do, and ends by itself.
// Arguments: the broker's name, and the URLs of its server, of one that is down, and of one that never answers.
import { Socket } from 'node:net';
import type { BrokerFactory } from '../../src/notifications/broker/broker.js';
import { natsBroker } from '../../src/notifications/broker/nats.broker.js';
import { postgresBroker } from '../../src/notifications/broker/postgres.broker.js';
import { redisBroker } from '../../src/notifications/broker/redis.broker.js';
import type { TransportBrokerOptions } from '../../src/notifications/broker/transport.broker.js';
import { TestKeys } from './test-keyring.js';

/** Anything that still holds the process by then would hold a host that shuts down. */
const GRACE_MS = 2_000;

const keys = new TestKeys();

const [name, up = '', down = '', silent = ''] = process.argv.slice(2);

const FACTORIES: Record<string, (url: string, options: TransportBrokerOptions) => BrokerFactory> = {
  postgresBroker: (url, options) => postgresBroker({ url, ...options }),
  redisBroker: (url, options) => redisBroker({ url, ...options }),
  natsBroker: (url, options) => natsBroker({ servers: url, ...options }),
};

async function run(url: string, options: TransportBrokerOptions): Promise<'up' | 'down'> {
  const factory = FACTORIES[name as string] as (typeof FACTORIES)[string];
  // Nothing else holds the process while a broker tries to reconnect: so it should be.
  const alive = setInterval(() => {}, 60_000);
  let settle: (state: 'up' | 'down') => void = () => {};
  const settled = new Promise<'up' | 'down'>((resolve) => {
    settle = resolve;
  });
  const channel = `exit${process.pid}.notifications`;
  const keyring = await keys.keyring(channel);
  const broker = await factory(url, options)({ channel, postgres: {}, keyring, onDown: () => settle('down') });
  await broker.subscribe({ onGap: () => settle('up'), onHints: () => {} });
  const state = await settled;
  broker.publish([{ tenant: 'acme', recipient: 'alice' }]);
  await broker.close();
  await keys.close();
  clearInterval(alive);
  return state;
}

const states = [await run(up, {}), await run(down, {}), await run(silent, { timeoutMs: 200 })];
console.log(JSON.stringify(states));
setTimeout(() => {
  const sockets = (process as unknown as { _getActiveHandles(): unknown[] })
    ._getActiveHandles()
    .filter((handle) => handle instanceof Socket)
    .map((socket) => `${socket.remoteAddress}:${socket.remotePort}`);
  console.log('still running:', process.getActiveResourcesInfo(), sockets);
  process.stdout.write('', () => process.exit(1));
}, GRACE_MS).unref();
