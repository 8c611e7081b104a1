import type { Results } from '../../../bench/report/results.js';
import type { Summary } from '../../../bench/support/rounds.js';

export const CHART = { metric: 'RSS KB', title: 'Memory a connection, KB' };

export function summary(median: number, ratio: number | null = null, spread = 0): Summary {
  const [min, max] = [median - spread, median + spread];
  return { median, min, max, ratio, values: [min, median, max] };
}

export function results(overrides: Partial<Results> = {}): Results {
  return {
    scenario: 'idle-memory',
    title: 'Memory of idle connections',
    baseline: 'raw',
    charts: [CHART],
    measuredAt: '2026-11-23T11:00:00.000Z',
    machine: { cpu: 'A CPU', cores: 2, memoryGb: 8, kernel: 'Linux 6.1', openFiles: 20_000 },
    versions: { node: '20.20.2', postgres: '15.1' },
    rounds: 3,
    summaries: {
      raw: { 'RSS KB': summary(10, 1, 2), 'CPU µs': summary(0.5, 1) },
      ours: { 'RSS KB': summary(20, 2), 'CPU µs': summary(12_345.6, 24_691.2) },
    },
    ...overrides,
  };
}
