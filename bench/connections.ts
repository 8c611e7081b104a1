import { setTimeout as sleep } from 'node:timers/promises';
import { type PrivatePostgres, startPrivatePostgres } from '../test/support/postgres-server.js';
import { issueRunToken } from '../test/support/run-token.js';
import type { Sample, Scenario } from './support/scenario.js';
import { RAW, SUBJECTS, subjectNamed } from './support/subjects.js';
import { withTurn } from './support/turn.js';

const LEVELS = [1_000, 5_000, 10_000, 19_000];
const MESSAGES = 10_000;
const BROADCASTS = 20;
const BROADCASTS_AT = 10_000;

let postgres: PrivatePostgres;

/** What a connection costs in memory, and what a message costs, by how many are connected. */
export const connections: Scenario = {
  name: 'connections',
  title: 'Memory of a connection, CPU of a message and of a broadcast',
  subjects: SUBJECTS.map((subject) => subject.name),
  baseline: RAW,
  chart: { metric: 'KB a connection at 10000', title: 'Memory of an idle connection, 10,000 connected' },
  prepare: async () => {
    issueRunToken();
    postgres = await startPrivatePostgres({ fsync: 'on' });
    return async () => await postgres.dispose();
  },
  measure: (name) =>
    withTurn(subjectNamed(name), postgres, async ({ server, load, usage }) => {
      const sample: Sample = {};
      const paths = await server.paths(LEVELS.at(-1) as number);
      await sleep(500);
      const idle = server.rssKb;
      let connected = 0;
      for (const level of LEVELS) {
        await load.connect(server, { paths: paths.slice(connected, level), first: connected, underWay: 100 });
        connected = level;
        // Whatever a server does once a connection is there.
        await sleep(1_000);
        sample[`KB a connection at ${level}`] = (server.rssKb - idle) / level;
        const targeted = await usage(async () => {
          await server.send({ do: 'targeted', messages: MESSAGES, perSecond: 5_000, recipients: level });
          await load.expect(MESSAGES);
        });
        sample[`CPU µs a message at ${level}`] = (targeted.server * 1_000) / MESSAGES;
        if (level !== BROADCASTS_AT) continue;
        const broadcast = await usage(async () => {
          await server.send({ do: 'broadcast', messages: BROADCASTS, perSecond: 2 });
          await load.expect(BROADCASTS * level);
        });
        const deliveries = BROADCASTS * level;
        sample['CPU µs a broadcast delivery'] = (broadcast.server * 1_000) / deliveries;
        sample['CPU µs a broadcast delivery, load client'] = (broadcast.load * 1_000) / deliveries;
        sample['CPU µs a broadcast delivery, Postgres'] = (broadcast.postgres * 1_000) / deliveries;
      }
      return sample;
    }),
};
