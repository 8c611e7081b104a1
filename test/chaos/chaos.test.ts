import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { spawnTs } from '../support/run-ts.js';

/**
 * What fits into a few seconds: every kind of fault and of neighbour once at least, few recipients, much for each of them.
 * How long something takes is not what is tried here: the machine may have much else to do.
 */
const SHORT = {
  seconds: 7,
  instances: 2,
  'instances-before': 1,
  recipients: 30,
  masses: 7_000,
  connections: 60,
  'fault-every-ms': 400,
  'neighbour-every-ms': 500,
  'sweep-ms': 1_000,
  'delay-ms': 45_000,
  'term-ms': 15_000,
  'settle-seconds': 60,
};

/** `npm run chaos` is the same for as long as you like; a failure here prints the seed to repeat it with. */
test('nothing is lost, doubled, reordered or shown to others while everything breaks', async () => {
  const args = Object.entries(SHORT).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const chaos = spawnTs(new URL('./main.ts', import.meta.url), args);
  let output = '';
  chaos.stdout?.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
  });
  try {
    const [code] = await once(chaos, 'close');
    expect(`${output}\nexit code ${code}`).toMatch(/acknowledged +[1-9].*violations +0\n.*exit code 0$/s);
  } finally {
    // Its exit handlers end whatever it has started.
    chaos.kill('SIGTERM');
  }
}, 150_000);
