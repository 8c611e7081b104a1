import { setTimeout as sleep } from 'node:timers/promises';
import { countTransactions } from './support/postgres.js';
import type { Scenario } from './support/scenario.js';
import { OURS } from './support/subjects.js';
import { until, withTurn } from './support/turn.js';

const CLIENTS = 10_000;
const UNDER_WAY = 500;
const MISSED_EACH = 2;
const PLAIN = 'ours, plain connect';

/** All clients come back at once after a deploy, each with a cursor, and get what they have missed. */
export const reconnect: Scenario = {
  name: 'reconnect',
  title: 'Ten thousand clients return at once with Last-Event-ID, two notifications behind',
  subjects: [PLAIN, 'ours, with a cursor'],
  baseline: PLAIN,
  warmsUp: true,
  charts: [{ metric: 'ms until all are live', title: '10,000 clients at once, until all are live (ms)' }],
  measure: (name) =>
    withTurn(OURS.notify, async ({ server, load, usage, postgresUrl }) => {
      const withCursor = name !== PLAIN;
      const paths = await server.paths(CLIENTS);
      await load.connect(server, { paths, underWay: UNDER_WAY });
      await server.send({ do: 'targeted', messages: CLIENTS, perSecond: 3_000, recipients: CLIENTS });
      await load.expect(CLIENTS);
      const lastEventIds = withCursor ? await load.lastEventIds() : undefined;
      await load.disconnect();
      await until(async () => (await server.connections()) === 0);
      if (withCursor) {
        const missed = CLIENTS * MISSED_EACH;
        await server.send({ do: 'targeted', messages: missed, perSecond: 3_000, recipients: CLIENTS });
      }
      // What the instance still has to tell of those that have left, every few seconds.
      await sleep(5_000);
      const before = await countTransactions(postgresUrl);
      let ms = 0;
      const used = await usage(async () => {
        const began = performance.now();
        await load.connect(server, { paths, underWay: UNDER_WAY, lastEventIds });
        if (withCursor) await load.expect(CLIENTS * MISSED_EACH);
        ms = performance.now() - began;
      });
      // Postgres counts what a connection has done once that has been idle for a second.
      await sleep(2_500);
      const queries = (await countTransactions(postgresUrl)) - before;
      return {
        'ms until all are live': ms,
        'queries a client': queries / CLIENTS,
        'CPU µs a connect': (used.server * 1_000) / CLIENTS,
        'CPU µs a connect, load client': (used.load * 1_000) / CLIENTS,
        'CPU µs a connect, Postgres': (used.postgres * 1_000) / CLIENTS,
      };
    }),
};
