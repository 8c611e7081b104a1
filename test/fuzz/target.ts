import fc from 'fast-check';

type Property = fc.IRawProperty<unknown>;

/** A parser of foreign bytes, and what must hold whatever it is given. */
export interface FuzzTarget {
  readonly name: string;
  /** Executions in `npm test`: two to three seconds on a quiet machine. */
  readonly runs: number;
  /** False where each attempt at a smaller example would take seconds. */
  readonly shrinks?: boolean;
  /** What a property needs is there until `close()`. */
  open(): Promise<{ property: Property; close(): Promise<void> }>;
}

/** A target that needs nothing but its property. */
export function pureTarget(name: string, runs: number, property: unknown): FuzzTarget {
  return { name, runs, open: async () => ({ property: property as Property, close: async () => {} }) };
}

export interface FuzzResult {
  name: string;
  executions: number;
  seconds: number;
  /** What was found, each kind of failure once, as fast-check reports it. */
  findings: string[];
}

/** So many executions from one seed: always the same ones. */
export async function runTimes(target: FuzzTarget, seed: number): Promise<FuzzResult> {
  return await measure(target, async (property) => {
    const run = await fc.check(property, { ...settingsOf(target), seed, numRuns: target.runs });
    return { executions: run.numRuns, findings: run.failed ? [reportOf(run)] : [] };
  });
}

/** As many as the time allows. What fails is noted, and the rest goes on from another seed. */
export async function runFor(target: FuzzTarget, seconds: number, seed: number): Promise<FuzzResult> {
  return await measure(target, async (property) => {
    const deadline = performance.now() + seconds * 1_000;
    const findings = new Map<string, string>();
    let executions = 0;
    for (let round = 0; performance.now() < deadline; round++) {
      const run = await fc.check(property, {
        ...settingsOf(target),
        seed: (seed + round) | 0,
        numRuns: 10_000,
        interruptAfterTimeLimit: Math.max(1, deadline - performance.now()),
        markInterruptAsFailure: false,
      });
      executions += run.numRuns;
      // Interrupted before the first one, it counts as failed.
      if (run.failed && run.numRuns > 0) findings.set(kindOf(run.errorInstance), reportOf(run));
    }
    return { executions, findings: [...findings.values()] };
  });
}

async function measure(
  target: FuzzTarget,
  run: (property: Property) => Promise<{ executions: number; findings: string[] }>,
): Promise<FuzzResult> {
  const { property, close } = await target.open();
  const began = performance.now();
  try {
    const result = await run(property);
    return { name: target.name, seconds: (performance.now() - began) / 1_000, ...result };
  } finally {
    await close();
  }
}

function settingsOf({ shrinks = true }: FuzzTarget): fc.Parameters<unknown> {
  return { endOnFailure: !shrinks };
}

/** Where it failed, whatever the values were. */
function kindOf(error: unknown): string {
  return String((error as Error | undefined)?.stack ?? error)
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 3)
    .join('\n');
}

function reportOf(run: fc.RunDetails<unknown>): string {
  const { seed, counterexamplePath, errorInstance } = run;
  let example: string;
  try {
    example = fc.stringify(run.counterexample).slice(0, 2_000);
  } catch {
    // It throws at whoever reads it.
    example = 'a hostile object';
  }
  return `seed ${seed}, path ${counterexamplePath}\n${(errorInstance as Error | undefined)?.stack ?? String(errorInstance)}\n${example}`;
}
