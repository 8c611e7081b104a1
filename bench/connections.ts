import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample, Scenario } from './support/scenario.js';
import { NCHAN, OURS, PEERS, RAW, subjectNamed } from './support/subjects.js';
import { withTurn } from './support/turn.js';

const LEVELS = [1_000, 5_000, 10_000, 19_000];
const MESSAGES = 5_000;
const BROADCASTS = 10;
/** Where that is none of the levels, at the greatest of them. */
const BROADCASTS_AT = 10_000;

/** What a connection costs in memory, and what a message costs, by how many are connected. */
export const connections: Scenario = {
  name: 'connections',
  title: 'Memory of a connection, CPU of a targeted message and of a broadcast',
  // nginx would need more open files than it has connections.
  subjects: PEERS.filter((name) => name !== NCHAN),
  ours: [OURS.signal, OURS.notify],
  baseline: RAW,
  warmsUp: true,
  charts: [
    { metric: 'KB a connection at 10000', title: 'Memory of an idle connection, 10,000 connected (KB)' },
    { metric: 'CPU µs a message at 10000', title: 'CPU of a targeted message, 10,000 connected (µs)' },
    { metric: 'CPU µs a broadcast delivery', title: 'CPU of one delivery of a broadcast, 10,000 connected (µs)' },
  ],
  measure: (name, setup) =>
    withTurn(name, setup, async ({ server, load, usage }) => {
      const { connections: levels = LEVELS } = setup;
      const greatest = levels.at(-1) as number;
      const broadcastsAt = levels.includes(BROADCASTS_AT) ? BROADCASTS_AT : greatest;
      const sample: Sample = {};
      const paths = await server.paths(greatest);
      const { messages = MESSAGES } = subjectNamed(name);
      await sleep(500);
      const idle = server.rssKb;
      let connected = 0;
      for (const level of levels) {
        await load.connect(server, { paths: paths.slice(connected, level), first: connected, underWay: 100 });
        connected = level;
        // Whatever a server does once a connection is there.
        await sleep(500);
        sample[`KB a connection at ${level}`] = (server.rssKb - idle) / level;
        const targeted = await usage(async () => {
          await server.send({ do: 'targeted', messages, perSecond: 5_000, recipients: level });
          await load.expect(messages);
        });
        sample[`CPU µs a message at ${level}`] = (targeted.server * 1_000) / messages;
        if (level !== broadcastsAt) continue;
        const broadcast = await usage(async () => {
          await server.send({ do: 'broadcast', messages: BROADCASTS, perSecond: 2 });
          await load.expect(BROADCASTS * level, 180_000);
        });
        const deliveries = BROADCASTS * level;
        sample['CPU µs a broadcast delivery'] = (broadcast.server * 1_000) / deliveries;
        sample['CPU µs a broadcast delivery, load client'] = (broadcast.load * 1_000) / deliveries;
        sample['CPU µs a broadcast delivery, Postgres'] = (broadcast.postgres * 1_000) / deliveries;
      }
      return sample;
    }),
};
