import { readFileSync } from 'node:fs';
import pg from 'pg';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/postgres-server.js';
import type { Random } from '../support/random.js';
import type { ServerProcess } from '../support/services.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { startBrokerServer } from './broker-server.js';
import type { Build } from './build.js';
import { InstanceProcess } from './instance-process.js';
import { type Settings, usualHintFaults } from './settings.js';
import type { Tally } from './tally.js';

/** An instance and its ways to its servers. */
export interface Node {
  readonly instance: InstanceProcess;
  readonly toPostgres: TcpProxy;
  readonly toBroker: TcpProxy;
}

/** Everything that runs: Postgres, the broker's server if there is one, the instances. All of it is ours to break. */
export class World {
  readonly nodes: Node[] = [];
  readonly pool: pg.Pool;

  private constructor(
    readonly postgres: PrivatePostgres,
    readonly broker: ServerProcess | undefined,
  ) {
    this.pool = new pg.Pool({
      connectionString: postgres.url,
      max: 6,
      application_name: 'chaos',
      connectionTimeoutMillis: 5_000,
    });
    this.pool.on('error', () => undefined);
  }

  static async start(settings: Settings, build: Build, random: Random, tally: Tally): Promise<World> {
    const postgres = await startPrivatePostgres({ max_connections: 200, log_min_messages: 'warning' });
    const world = new World(postgres, await startBrokerServer(settings.broker));
    try {
      await world.pool.query('CREATE TABLE chaos_deal (op bigint PRIMARY KEY)');
      for (let i = 0; i < settings.instances; i += 1) {
        world.nodes.push(await world.createNode(settings, build, random, tally));
      }
      // At once, on an empty database: one of them migrates it, the others wait.
      await Promise.all(world.nodes.map((node) => node.instance.start()));
      return world;
    } catch (error) {
      await world.dispose();
      throw error;
    }
  }

  get urls(): string[] {
    return this.nodes.map((node) => node.instance.url);
  }

  /** Nothing is broken any more, and everything runs. */
  async heal(): Promise<void> {
    for (const { toPostgres, toBroker } of this.nodes) {
      for (const proxy of [toPostgres, toBroker]) {
        proxy.restore();
        proxy.cut();
      }
    }
    await Promise.all(this.nodes.map((node) => node.instance.settled()));
  }

  /** How often Postgres found a deadlock. From its log: a crash makes it forget its statistics. */
  deadlocks(): number {
    return readFileSync(this.postgres.log, 'utf8').split('deadlock detected').length - 1;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.instance.dispose()));
    await Promise.all(this.nodes.flatMap((node) => [node.toPostgres.close(), node.toBroker.close()]));
    await this.broker?.stop();
    await this.pool.end();
    await this.postgres.dispose();
  }

  private async createNode(settings: Settings, build: Build, random: Random, tally: Tally): Promise<Node> {
    const toPostgres = await startTcpProxy(this.postgres.port);
    const toBroker = await startTcpProxy(this.broker?.port ?? this.postgres.port);
    const scheme = { postgres: 'postgres://postgres@', none: '', redis: 'redis://', nats: 'nats://' }[settings.broker];
    const options = {
      port: await freePort(),
      postgresUrl: `postgres://postgres@127.0.0.1:${toPostgres.port}/postgres`,
      broker: settings.broker,
      brokerUrl: `${scheme}127.0.0.1:${toBroker.port}${settings.broker === 'postgres' ? '/postgres' : ''}`,
      sweepMs: settings.sweepMs,
      hints: usualHintFaults(settings),
      seed: random.between(0, 2 ** 31),
    };
    return { instance: new InstanceProcess(build.entry, options, tally), toPostgres, toBroker };
  }
}
