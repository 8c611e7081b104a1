import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import type { HintFaults } from './instance/protocol.js';
import { call } from './rest.js';
import type { RunContext } from './run-context.js';
import { type Happening, Schedule } from './schedule.js';
import { FAULT_WEIGHTS, type FaultKind, usualHintFaults } from './settings.js';
import type { Lulls } from './trouble.js';
import type { Node } from './world.js';

const DEAF: HintFaults = { lost: 100, doubled: 0, late: 0 };

/** Breaks things at random, several at once now and then, and mends each after a while. */
export class Faults {
  private readonly schedule: Schedule<FaultKind>;
  private readonly busy = new Set<object>();

  constructor(
    private readonly context: RunContext,
    private readonly random: Random,
  ) {
    const { settings, tally } = context;
    const options = { weights: FAULT_WEIGHTS, everyMs: settings.faultEveryMs, countedAs: 'fault' };
    const fitting = settings.faults.filter((kind) => this.fits(kind));
    this.schedule = new Schedule(fitting, options, tally, random.fork());
  }

  /** Until told to stop; then waits until all is mended. */
  async run(lulls: Lulls, signal: AbortSignal): Promise<void> {
    const start = (kind: FaultKind): Happening => {
      const fault = !lulls.isOn && this.fault(kind);
      return fault && this.context.trouble.during(kind, true, fault);
    };
    await this.schedule.run(start, signal);
  }

  /** Sessions of whoever is connected, but for this one. */
  async terminateBackends(count: number): Promise<void> {
    const { pool } = this.context.world;
    const pids = `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;
    try {
      const { rows } = await pool.query<{ pid: number }>(`${pids} ORDER BY pid`);
      const chosen = this.random.some(rows, count).map((row) => row.pid);
      await pool.query('SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid', [chosen]);
    } catch {
      // Postgres is down anyway.
    }
  }

  private fault(kind: FaultKind): Promise<unknown> | false {
    const { random } = this;
    const { world } = this.context;
    const node = random.pick(world.nodes);
    switch (kind) {
      case 'kill':
        return node.instance.restart('SIGKILL', random.between(0, 1_500));
      case 'terminate':
        return node.instance.restart('SIGTERM', random.between(0, 1_500));
      case 'backends':
        return this.terminateBackends(random.between(1, 8));
      case 'postgres':
        return this.crash(world.postgres, random.between(0, 1_500), (server) => server.stop('immediate'));
      case 'broker':
        return world.broker
          ? this.crash(world.broker, random.between(300, 3_000), (server) => server.stop())
          : Promise.resolve();
      case 'silent-postgres':
        return this.silence(node.toPostgres, random.between(500, 4_000), true);
      case 'half-open-postgres':
        return this.silence(node.toPostgres, random.between(500, 2_000), false);
      case 'half-open-broker':
        return this.silence(node.toBroker, random.between(500, 4_000), false);
      case 'deaf':
        return this.deafen(node, random.between(1_000, 5_000));
    }
  }

  private fits(kind: FaultKind): boolean {
    const { broker } = this.context.settings;
    if (kind === 'broker') return this.context.world.broker !== undefined;
    if (kind === 'half-open-broker') return broker !== 'none';
    return true;
  }

  private crash<T extends { start(): Promise<void> }>(server: T, forMs: number, stop: (server: T) => Promise<void>) {
    return this.alone(server, async () => {
      await stop(server);
      await sleep(forMs);
      await server.start();
    });
  }

  private silence(proxy: TcpProxy, forMs: number, thenCut: boolean): Promise<void> | false {
    return this.alone(proxy, async () => {
      proxy.silence('all');
      await sleep(forMs);
      proxy.restore();
      if (thenCut) proxy.cut();
    });
  }

  private deafen({ instance }: Node, forMs: number): Promise<void> | false {
    const usual = usualHintFaults(this.context.settings);
    return this.alone(instance, async () => {
      await call(`${instance.url}/chaos/hints`, { method: 'POST', body: DEAF }).catch(() => undefined);
      await sleep(forMs);
      // If it was killed meanwhile, it hears again.
      await call(`${instance.url}/chaos/hints`, { method: 'POST', body: usual }).catch(() => undefined);
    });
  }

  /** One fault at a time for each thing. */
  private alone(what: object, work: () => Promise<void>): Promise<void> | false {
    if (this.busy.has(what)) return false;
    this.busy.add(what);
    return work().finally(() => this.busy.delete(what));
  }
}
