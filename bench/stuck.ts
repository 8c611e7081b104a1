import { setTimeout as sleep } from 'node:timers/promises';
import type { Sample, Scenario } from './support/scenario.js';
import { GATEWAY, OURS, RAW } from './support/subjects.js';
import { withTurn } from './support/turn.js';

const STUCK = 100;
const HEALTHY = 100;
/** 100 readers × 1,000 messages × 10 kB: 1 GB. */
const MESSAGES = 1_000;
const PADDING = 10_000;
const PER_SECOND = 100;
const BESIDE = { messages: 2_000, perSecond: 200, recipients: HEALTHY, first: STUCK };

/** Readers that stop reading while 1 GB is sent to them, beside healthy ones. */
export const stuck: Scenario = {
  name: 'stuck',
  title: '100 readers that stop reading, 1 GB for them, and 100 healthy readers beside them',
  // Those that lose nothing: Nest's @Sse() and the Go server hang up on a reader that is too slow, nchan forgets.
  subjects: [RAW, OURS.notify, 'ws', GATEWAY],
  ours: [OURS.notify],
  baseline: RAW,
  warmsUp: true,
  charts: [{ metric: 'RSS + MB', title: '100 readers that stop reading, 1 GB for them: memory that it takes (MB)' }],
  measure: (name, setup) =>
    withTurn(name, setup, async ({ server, load }) => {
      const paths = await server.paths(STUCK + HEALTHY);
      await load.connect(server, { paths, underWay: 50 });
      const offer = { messages: MESSAGES, perSecond: PER_SECOND, recipients: STUCK, padding: PADDING };
      // The same, while everybody reads: what is sent takes time by itself.
      await server.send({ do: 'offer', ...offer, beside: BESIDE });
      const undisturbed = await load.expect(STUCK * MESSAGES + BESIDE.messages);
      await load.pause(0, STUCK);
      const idle = server.rssKb;
      let peak = idle;
      let offering = true;
      const watching = (async () => {
        for (; offering; await sleep(100)) peak = Math.max(peak, server.rssKb);
      })();
      await server.send({ do: 'offer', ...offer, beside: BESIDE });
      const disturbed = await load.expect(BESIDE.messages);
      const sample: Sample = {
        'RSS + MB': (peak - idle) / 1_024,
        'healthy p99 ms': disturbed.p99,
        'healthy p99 ms, undisturbed': undisturbed.p99,
        'healthy p99, times the undisturbed': disturbed.p99 / undisturbed.p99,
      };
      await load.resume(0, STUCK);
      const returned = performance.now();
      await load.expect(STUCK * MESSAGES, 120_000);
      sample['s until they have it all'] = (performance.now() - returned) / 1_000;
      offering = false;
      await watching;
      sample['RSS + MB, while they catch up'] = (peak - idle) / 1_024;
      return sample;
    }),
};
