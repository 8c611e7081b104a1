import type { Scenario } from './support/scenario.js';
import { OURS, PEERS, RAW } from './support/subjects.js';
import { withTurn } from './support/turn.js';

const CLIENTS = 10_000;
/** As when a proxy hands over what has piled up. */
const UNDER_WAY = 500;

/** All clients connect at once. */
export const connect: Scenario = {
  name: 'connect',
  title: 'Ten thousand clients connect at once',
  subjects: PEERS.filter((name) => name !== OURS.notify),
  baseline: RAW,
  warmsUp: true,
  charts: [{ metric: 'connects a second', title: '10,000 clients connect at once: connects a second' }],
  measure: (name) =>
    withTurn(name, async ({ server, load, usage }) => {
      const paths = await server.paths(CLIENTS);
      let ms = 0;
      const used = await usage(async () => {
        ms = await load.connect(server, { paths, underWay: UNDER_WAY });
      });
      return {
        'connects a second': (CLIENTS * 1_000) / ms,
        'CPU µs a connect': (used.server * 1_000) / CLIENTS,
        'CPU µs a connect, load client': (used.load * 1_000) / CLIENTS,
        'CPU µs a connect, Postgres': (used.postgres * 1_000) / CLIENTS,
      };
    }),
};
