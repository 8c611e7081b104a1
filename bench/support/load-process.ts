import type { Connect, Connected, LoadAnswer, LoadRequest, Seen } from '../load/protocol.js';
import { Child } from './child.js';
import { cpuOf } from './process-usage.js';
import type { ServerProcess } from './server-process.js';

const CLIENT = new URL('../load/load-client.ts', import.meta.url);

/** All clients of a measurement, in a process of their own, which checks every frame. */
export class LoadProcess {
  private readonly child = Child.start<LoadRequest, LoadAnswer>(CLIENT);

  /** @returns how long it took until all were live, in milliseconds. */
  async connect(
    { listening }: ServerProcess,
    how: Pick<Connect, 'paths' | 'underWay' | 'first' | 'lastEventIds'>,
  ): Promise<number> {
    const { port, protocol, liveMark } = listening;
    return (await this.child.ask<Connected>({ do: 'connect', port, protocol, liveMark, ...how })).ms;
  }

  /** Resolves once so many messages have come, since the last time. @throws if one was lost, doubled or misrouted. */
  async expect(messages: number, timeoutMs = 60_000): Promise<Seen> {
    return await this.child.ask<Seen>({ do: 'expect', messages, timeoutMs });
  }

  async pause(first: number, count: number): Promise<void> {
    await this.child.ask<{ done: true }>({ do: 'pause', first, count });
  }

  async resume(first: number, count: number): Promise<void> {
    await this.child.ask<{ done: true }>({ do: 'resume', first, count });
  }

  async lastEventIds(): Promise<(string | null)[]> {
    return (await this.child.ask<{ lastEventIds: (string | null)[] }>({ do: 'lastEventIds' })).lastEventIds;
  }

  async disconnect(): Promise<void> {
    await this.child.ask<{ done: true }>({ do: 'disconnect' });
  }

  /** CPU time used so far, in milliseconds. */
  get cpuMs(): number {
    return cpuOf(this.child.pid);
  }

  async end(): Promise<void> {
    await this.child.end();
  }
}
