/** What one turn of one subject gave: metric → number. The metrics' units stand in their names: `p50 ms`, `RSS KB`. */
export type Sample = Record<string, number>;

/** The bars of one metric. */
export interface Chart {
  readonly metric: string;
  readonly title: string;
}

/** What a turn measures, as far as the run decides. */
export interface Setup {
  /** The URL of the public entry of the library that subjects of ours run. */
  readonly library: string;
  /**
   * How many clients are connected, ascending. Scenarios that measure one number of them take the greatest.
   *
   * @default the scenario's own figures
   */
  readonly connections?: readonly number[];
}

/** One thing that is measured, of several subjects that take turns. */
export interface Scenario {
  /** What `--only` takes, and the name of its file in bench/results. */
  readonly name: string;
  readonly title: string;
  readonly subjects: readonly string[];
  /** Those of its subjects that run this library, whose cost is compared with that of a commit before. @default none */
  readonly ours?: readonly string[];
  /** The subject that every other is divided by. */
  readonly baseline: string;
  /** Each turn starts its servers anew and warms them up: a round that is thrown away would tell nothing more. */
  readonly warmsUp?: boolean;
  /** What is compared in charts, one each. */
  readonly charts: readonly Chart[];
  /** Starts what all turns share. @returns ends it. */
  prepare?(): Promise<() => Promise<void>>;
  /**
   * One turn of one subject.
   *
   * @throws if an event was lost, doubled, or reached somebody else: then the whole run has failed.
   */
  measure(subject: string, setup: Setup): Promise<Sample>;
}
