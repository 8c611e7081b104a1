import { setTimeout as sleep } from 'node:timers/promises';
import type { Scenario } from './support/scenario.js';
import { GATEWAY, OURS, RAW } from './support/subjects.js';
import { withTurn } from './support/turn.js';

const CLIENTS = 10_000;
/** As long as a heartbeat of ours, and longer than a sweep. */
const MS = 20_000;

const SETTLE_MS = 4_000;

/** What a server does while nothing happens: heartbeats, sweeps, pings. */
export const idle: Scenario = {
  name: 'idle',
  title: 'Ten thousand connections on which nothing happens',
  subjects: [RAW, OURS.signal, OURS.nest, GATEWAY],
  ours: [OURS.signal, OURS.nest],
  baseline: RAW,
  warmsUp: true,
  charts: [{ metric: '% of a core', title: '10,000 connections on which nothing happens: % of a core' }],
  measure: (name, setup) =>
    withTurn(name, setup, async ({ server, load, usage }) => {
      const clients = setup.connections?.at(-1) ?? CLIENTS;
      await load.connect(server, { paths: await server.paths(clients), underWay: 100 });
      await sleep(SETTLE_MS);
      // What connecting has left behind is no part of being idle, and V8 would collect it some time in between.
      await server.collectGarbage();
      await sleep(SETTLE_MS);
      const used = await usage(() => sleep(MS));
      return {
        '% of a core': (used.server * 100) / used.wall,
        '% of a core, Postgres': (used.postgres * 100) / used.wall,
      };
    }),
};
