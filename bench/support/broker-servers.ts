import { execFileSync } from 'node:child_process';
import { startNatsServer } from '../../test/support/nats-server.js';
import { startRedisServer } from '../../test/support/redis-server.js';
import { findService, type ServerProcess } from '../../test/support/services.js';

export const BROKERS = ['in-process', 'postgres', 'redis', 'nats'] as const;

export type BrokerName = (typeof BROKERS)[number];

/** A Redis and a NATS of the measurement's own. */
export interface BrokerServers {
  readonly versions: string[];
  /** Where a broker's server is; undefined for those that need none but Postgres. */
  urlOf(name: BrokerName): string | undefined;
  /** Its process. */
  pidOf(name: BrokerName): number | undefined;
  dispose(): Promise<void>;
}

export async function startBrokerServers(): Promise<BrokerServers> {
  const [redis, nats] = await Promise.all([binaryOf('redis'), binaryOf('nats')]);
  const [redisServer, natsServer] = await Promise.all([startRedisServer(redis), startNatsServer(nats)]);
  const processes: Partial<Record<BrokerName, ServerProcess>> = { redis: redisServer, nats: natsServer };
  return {
    versions: [redis, nats].map((binary) => execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim()),
    urlOf: (name) => processes[name] && `${name}://127.0.0.1:${processes[name].port}`,
    pidOf: (name) => processes[name]?.pid,
    dispose: async () => {
      await Promise.all([redisServer.stop(), natsServer.stop()]);
    },
  };
}

async function binaryOf(name: 'redis' | 'nats'): Promise<string> {
  const { binary } = await findService(name);
  if (!binary) throw new Error(`There is no ${name}-server on the PATH.`);
  return binary;
}
