import { describe, expect, test } from '@jest/globals';
import { runTimes } from './target.js';
import { TARGETS } from './targets.js';

const SEED = 20_261_130;

describe('Parsers of foreign bytes', () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))(
    '%s',
    async (_, target) => {
      const { findings, executions } = await runTimes(target, SEED);
      expect(findings).toEqual([]);
      expect(executions).toBe(target.runs);
    },
    120_000,
  );
});
