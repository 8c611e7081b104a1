import type { Sample, Scenario } from './support/scenario.js';
import { OURS, PEERS, RAW } from './support/subjects.js';
import { until, withTurn } from './support/turn.js';

const CLIENTS = 10_000;
/** As when a proxy hands over what has piled up. */
const UNDER_WAY = 500;

/** All clients connect at once. */
export const connect: Scenario = {
  name: 'connect',
  title: 'Ten thousand clients connect at once',
  subjects: PEERS.filter((name) => name !== OURS.notify),
  ours: [OURS.signal, OURS.direct, OURS.nest],
  baseline: RAW,
  warmsUp: true,
  charts: [{ metric: 'connects a second', title: '10,000 clients connect at once: connects a second' }],
  measure: (name, { library, connections }) =>
    withTurn(name, { library }, async ({ server, load, usage }) => {
      const sample: Sample = {};
      for (const clients of connections ?? [CLIENTS]) {
        const paths = await server.paths(clients);
        let ms = 0;
        const used = await usage(async () => {
          ms = await load.connect(server, { paths, underWay: UNDER_WAY });
        });
        const at = connections ? ` at ${clients}` : '';
        sample[`connects a second${at}`] = (clients * 1_000) / ms;
        sample[`CPU µs a connect${at}`] = (used.server * 1_000) / clients;
        sample[`CPU µs a connect, load client${at}`] = (used.load * 1_000) / clients;
        sample[`CPU µs a connect, Postgres${at}`] = (used.postgres * 1_000) / clients;
        await load.disconnect();
        await until(async () => (await server.connections()) === 0);
      }
      return sample;
    }),
};
