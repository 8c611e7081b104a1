import { startNatsServer } from '../support/nats-server.js';
import { startRedisServer } from '../support/redis-server.js';
import { findService, type ServerProcess } from '../support/services.js';
import type { BrokerKind } from './settings.js';

const START = { redis: startRedisServer, nats: startNatsServer };

/** A Redis or NATS of the run's own, for the brokers that need one. */
export async function startBrokerServer(kind: BrokerKind): Promise<ServerProcess | undefined> {
  if (kind !== 'redis' && kind !== 'nats') return undefined;
  const { binary } = await findService(kind);
  if (!binary) throw new Error(`--broker ${kind} needs ${kind}-server on the PATH: it is stopped and started.`);
  return await START[kind](binary);
}
