import type { Polled, PolledAnswer, PolledRequest } from './servers/polled.js';
import { Child } from './support/child.js';
import type { PollAnswer, PollRequest } from './support/poll-client.js';
import { cpuOf } from './support/process-usage.js';
import type { Scenario } from './support/scenario.js';

const RAW = 'polling raw node:http';
const FILES = new Map([
  [RAW, 'raw-polling.ts'],
  ['polling Nest', 'nest-polling.ts'],
]);

/** What 10,000 clients that ask every 10 s come to. */
const PER_SECOND = 1_000;
const POLLS = 5_000;
const WARM_UP_POLLS = 3_000;
/**
 * Each is used often enough to stay open: what a proxy does for its clients. Of its own, Node closes a connection after 5 s
 * without a request, and a client that polls every 10 s would connect each time; so this is polling at its cheapest.
 */
const CONNECTIONS = 100;

/** What a bell costs that asks instead of being told. */
export const polling: Scenario = {
  name: 'polling',
  title: 'Polling for the unread count every 10 s',
  subjects: [...FILES.keys()],
  baseline: RAW,
  charts: [
    {
      metric: '% of a core, 10000 clients',
      title: '10,000 clients that poll every 10 s: % of a core, when nothing happens',
    },
  ],
  measure: async (subject) => {
    const env = { NODE_ENV: 'production' };
    const server = Child.start<PolledRequest, PolledAnswer>(
      new URL(`./servers/${FILES.get(subject)}`, import.meta.url),
      [],
      env,
    );
    const client = Child.start<PollRequest, PollAnswer>(new URL('./support/poll-client.ts', import.meta.url));
    try {
      const { port } = await server.next<Polled>();
      const poll = (polls: number) => client.ask({ port, polls, connections: CONNECTIONS, perSecond: PER_SECOND });
      await poll(WARM_UP_POLLS);
      const before = { server: cpuOf(server.pid), client: cpuOf(client.pid) };
      await poll(POLLS);
      const perPollUs = {
        server: ((cpuOf(server.pid) - before.server) * 1_000) / POLLS,
        client: ((cpuOf(client.pid) - before.client) * 1_000) / POLLS,
      };
      const { connections } = await server.ask<{ connections: number }>({ do: 'connections' });
      if (connections !== CONNECTIONS) throw new Error(`The connections were not kept alive: there are ${connections}`);
      return {
        'CPU µs a poll': perPollUs.server,
        '% of a core, 10000 clients': (perPollUs.server * PER_SECOND) / 10_000,
        'CPU µs a poll, load client': perPollUs.client,
      };
    } finally {
      await Promise.all([server.end(), client.end()]);
    }
  },
};
