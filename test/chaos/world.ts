import { readFileSync } from 'node:fs';
import pg from 'pg';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/postgres-server.js';
import type { Random } from '../support/random.js';
import type { ServerProcess } from '../support/services.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { startBrokerServer } from './broker-server.js';
import type { Build } from './build.js';
import { watchSetbacks } from './database-state.js';
import { WITHOUT_TIMEOUTS } from './database-timeouts.js';
import type { InstanceLog } from './instance-log.js';
import { type InstanceEvents, InstanceProcess } from './instance-process.js';
import { installRefusals } from './masses.js';
import { type Settings, usualHintFaults } from './settings.js';
import { openStranger, type Stranger } from './stranger.js';

/** An instance and its ways to its servers. */
export interface Node {
  /** Of the version before. */
  readonly isBefore: boolean;
  readonly instance: InstanceProcess;
  readonly toPostgres: TcpProxy;
  readonly toBroker: TcpProxy;
}

/** What is to be known of each instance. */
export interface Observers {
  log(name: string, isBefore: boolean): InstanceLog;
  events(name: string, isBefore: boolean): InstanceEvents;
}

/** Everything that runs: Postgres, the broker's server if there is one, the instances. All of it is ours to break. */
export class World {
  readonly nodes: Node[] = [];
  readonly pool: pg.Pool;

  private constructor(
    private readonly settings: Settings,
    readonly postgres: PrivatePostgres,
    readonly broker: ServerProcess | undefined,
    private readonly observers: Observers,
  ) {
    this.pool = new pg.Pool({
      connectionString: postgres.url,
      max: 6,
      application_name: 'chaos',
      options: WITHOUT_TIMEOUTS,
      connectionTimeoutMillis: 5_000,
    });
    this.pool.on('error', () => undefined);
  }

  /** @param before what is run beside the instances as the version before, if anything. */
  static async start(
    settings: Settings,
    build: Build,
    before: Build | undefined,
    random: Random,
    observers: Observers,
  ): Promise<World> {
    // Our sessions wait for a lock for half a second: a deadlock has to be found, and logged, before that ends it.
    const ofPostgres = { max_connections: 200, log_min_messages: 'warning', deadlock_timeout: '100ms' };
    const postgres = await startPrivatePostgres(ofPostgres);
    const world = new World(settings, postgres, await startBrokerServer(settings.broker), observers);
    try {
      await world.pool.query('CREATE TABLE chaos_deal (op bigint PRIMARY KEY)');
      await world.pool.query('CREATE TABLE chaos_poison (pos bigint PRIMARY KEY)');
      for (let i = 0; i < settings.instances; i += 1) world.nodes.push(await world.createNode(build, false, random));
      for (let i = 0; before && i < settings.instancesBefore; i += 1) {
        world.nodes.push(await world.createNode(before, true, random));
      }
      // At once, on an empty database: one of them migrates it, the others wait.
      await Promise.all(world.nodes.map((node) => node.instance.start()));
      await installRefusals(world.pool);
      await watchSetbacks(world.pool);
      return world;
    } catch (error) {
      await world.dispose();
      throw error;
    }
  }

  /** The instances of this version. */
  get ownNodes(): Node[] {
    return this.nodes.filter((node) => !node.isBefore);
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

  /** @returns somebody else on the broker's server; undefined if there is none. */
  async openStranger(): Promise<Stranger | undefined> {
    return await openStranger(this.settings.broker, this.broker?.port ?? this.postgres.port);
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

  private async createNode({ entry }: Build, isBefore: boolean, random: Random): Promise<Node> {
    const { settings, observers } = this;
    const toPostgres = await startTcpProxy(this.postgres.port);
    const toBroker = await startTcpProxy(this.broker?.port ?? this.postgres.port);
    const scheme = { postgres: 'postgres://postgres@', none: '', redis: 'redis://', nats: 'nats://' }[settings.broker];
    const name = isBefore ? 'before' : 'crm';
    const options = {
      ...{ name, port: await freePort() },
      postgresUrl: `postgres://postgres@127.0.0.1:${toPostgres.port}/postgres`,
      broker: settings.broker,
      brokerUrl: `${scheme}127.0.0.1:${toBroker.port}${settings.broker === 'postgres' ? '/postgres' : ''}`,
      sweepMs: settings.sweepMs,
      // Both ways to write a stream.
      streamWriter: this.nodes.length % 2 === 0 ? ('socket' as const) : ('nest' as const),
      hints: usualHintFaults(settings),
      seed: random.between(0, 2 ** 31),
    };
    const fullName = `${name} ${this.nodes.length}`;
    const instance = new InstanceProcess(
      entry,
      options,
      observers.log(fullName, isBefore),
      observers.events(fullName, isBefore),
    );
    return { isBefore, instance, toPostgres, toBroker };
  }
}
