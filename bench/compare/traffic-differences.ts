import type { Step } from './traffic.js';

/**
 * What one version sends and the other doesn't, for a person to read: `-` before, `+` after. Statements of timers count
 * only by their text, because how often they come in a step is chance; so is the order of statements on several
 * connections.
 */
export function trafficDifferences(before: readonly Step[], after: readonly Step[]): string[] {
  const ofTimers = new Set([...before, ...after].flatMap(({ isIdle, statements }) => (isIdle ? statements : [])));
  const names = [...new Set([...before, ...after].map(({ name }) => name))];
  return names.flatMap((name) => {
    const [was, is] = [before, after].map((steps) => steps.find((step) => step.name === name));
    const statements = (step: Step | undefined) =>
      step?.isIdle ? [...new Set(step.statements)] : (step?.statements ?? []).filter((one) => !ofTimers.has(one));
    return [
      ...countDifferences(statements(was), statements(is)).map((line) => `${name}: statement ${line}`),
      ...textDifferences(was?.bytes ?? '', is?.bytes ?? '').map((line) => `${name}: bytes ${line}`),
    ];
  });
}

function countDifferences(before: readonly string[], after: readonly string[]): string[] {
  const [was, is] = [countsOf(before), countsOf(after)];
  return [...new Set([...before, ...after])].flatMap((one) => {
    const [count, other] = [was.get(one) ?? 0, is.get(one) ?? 0];
    if (count === other) return [];
    return [...(count > 0 ? [`- ${count} × ${one}`] : []), ...(other > 0 ? [`+ ${other} × ${one}`] : [])];
  });
}

/** The lines that only one has; of texts with the same lines in another order, both. */
function textDifferences(before: string, after: string): string[] {
  if (before === after) return [];
  const lines = (text: string) => text.split('\n').map((line) => JSON.stringify(line));
  const found = countDifferences(lines(before), lines(after));
  return found.length > 0 ? found : [`- ${JSON.stringify(before)}`, `+ ${JSON.stringify(after)}`];
}

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
