import { setTimeout as sleep } from 'node:timers/promises';
import { countTransactions } from './support/postgres.js';
import type { Scenario } from './support/scenario.js';
import { OURS } from './support/subjects.js';
import { until, withTurn } from './support/turn.js';

const CLIENTS = 10_000;
const UNDER_WAY = 500;
const MISSED_EACH = 2;
const PLAIN = 'ours, plain connect';
const WITH_CURSOR = 'ours, with a cursor';

/** All clients come back at once after a deploy, each with a cursor, and get what they have missed. */
export const reconnect: Scenario = {
  name: 'reconnect',
  title: 'Ten thousand clients return at once with Last-Event-ID, two notifications behind',
  subjects: [PLAIN, WITH_CURSOR],
  ours: [PLAIN, WITH_CURSOR],
  baseline: PLAIN,
  warmsUp: true,
  charts: [{ metric: 'ms until all are live', title: '10,000 clients at once, until all are live (ms)' }],
  measure: (name, setup) =>
    withTurn(OURS.notify, setup, async ({ server, load, usage, postgresUrl }) => {
      const withCursor = name === WITH_CURSOR;
      const clients = setup.connections?.at(-1) ?? CLIENTS;
      const missed = clients * MISSED_EACH;
      const paths = await server.paths(clients);
      await load.connect(server, { paths, underWay: UNDER_WAY });
      await server.send({ do: 'targeted', messages: clients, perSecond: 3_000, recipients: clients });
      await load.expect(clients);
      const lastEventIds = withCursor ? await load.lastEventIds() : undefined;
      await load.disconnect();
      await until(async () => (await server.connections()) === 0);
      if (withCursor) {
        await server.send({ do: 'targeted', messages: missed, perSecond: 3_000, recipients: clients });
      }
      // What the instance still has to tell of those that have left, every few seconds.
      await sleep(5_000);
      const before = await countTransactions(postgresUrl);
      let ms = 0;
      const used = await usage(async () => {
        const began = performance.now();
        await load.connect(server, { paths, underWay: UNDER_WAY, lastEventIds });
        if (withCursor) await load.expect(missed);
        ms = performance.now() - began;
      });
      // Postgres counts what a connection has done once that has been idle for a second.
      await sleep(2_500);
      const queries = (await countTransactions(postgresUrl)) - before;
      return {
        'ms until all are live': ms,
        'queries a client': queries / clients,
        'CPU µs a connect': (used.server * 1_000) / clients,
        'CPU µs a connect, load client': (used.load * 1_000) / clients,
        'CPU µs a connect, Postgres': (used.postgres * 1_000) / clients,
      };
    }),
};
