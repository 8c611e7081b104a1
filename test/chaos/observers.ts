import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.js';
import { InstanceLog } from './instance-log.js';
import { call } from './rest.js';
import type { RunContext } from './run-context.js';
import type { Tally } from './tally.js';
import type { Node, Observers, World } from './world.js';

const MEMORY_EVERY_MS = 1_000;
const AGREE_WITHIN_MS = 15_000;
/** What is left of the shutdown once the host's own requests have ended, which Nest waits for. */
const AFTER_HOST_MS = 1_500;

/** What is expected of the processes, whatever is broken; of the version before nothing is. */
export function observersOf(context: Omit<RunContext, 'world'>): Observers {
  const { settings, trouble, ledger, tally } = context;
  return {
    log: (name, isBefore) => new InstanceLog(name, isBefore, trouble, ledger, tally),
    events: (name, isBefore) => ({
      onFailedStart: () => tally.add('failed starts'),
      onEndedByItself: (code, errors) => {
        process.stderr.write(`The instance ${name} ended by itself with ${code}:\n${errors}\n`);
        if (isBefore) tally.add('the version before ended by itself');
        else ledger.violate('no instance ends by itself', `${name} with ${code}: ${errors.slice(-300)}`);
      },
      onTerminated: (ms, hostMs, late) => {
        tally.max(`slowest SIGTERM${isBefore ? ' of the version before' : ''}, ms`, ms);
        tally.max('longest transaction of a host after SIGTERM, ms', hostMs);
        if (isBefore || ms <= Math.max(settings.termMs, hostMs + AFTER_HOST_MS)) return;
        const what = `${ms === Infinity ? 'had to be killed' : `took ${Math.round(ms)} ms`}, the host itself ${hostMs} ms, at last ${late}`;
        ledger.violate('SIGTERM ends an instance in time', `${name} ${what}`);
      },
    }),
  };
}

/** Notes the most that an instance takes. Where the system doesn't tell, nothing is noted. */
export async function watchMemory(world: World, tally: Tally, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(MEMORY_EVERY_MS);
    for (const { instance } of world.ownNodes) {
      const memoryMb = instance.memoryMb();
      if (memoryMb !== undefined) tally.max('greatest memory of an instance, MB', memoryMb);
    }
  }
}

/** What each instance says that it has is what its clients have. */
export async function judgeStreams({ world, ledger }: RunContext, clients: readonly Client[]): Promise<void> {
  for (const node of world.ownNodes) {
    const deadline = Date.now() + AGREE_WITHIN_MS;
    for (;;) {
      const difference = await streamsDiffer(node, clients);
      if (!difference) break;
      if (Date.now() > deadline) {
        ledger.violate('connections() is what there is', `${node.instance.url}: ${difference}`);
        break;
      }
      await sleep(300);
    }
  }
}

async function streamsDiffer(node: Node, clients: readonly Client[]): Promise<string | undefined> {
  const { body } = await call(`${node.instance.url}/chaos/streams`);
  const open = clients.filter((client) => client.isConnected && client.node === node).length;
  return body.connections === open ? undefined : `it says ${body.connections}, and its clients have ${open}`;
}
