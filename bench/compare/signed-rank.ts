/** Where the typical one of some values lies. */
export interface Estimate {
  /** The Hodges–Lehmann estimate: the median of the means of all pairs of values. */
  centre: number;
  /** The bounds of the 95 % confidence interval; null with fewer than six values, of which none is sure enough. */
  interval: readonly [low: number, high: number] | null;
}

/** Of the whole chance of being wrong, on each side. */
const TAIL = 0.025;

/**
 * The interval that belongs to Wilcoxon's signed-rank test, exact: the centres that the test does not reject. It supposes
 * that what differs by chance differs upwards as often as downwards, and no distribution: one round that something
 * disturbed moves it little, and nothing is drawn by lot as for a bootstrap, which is too narrow for so few values.
 *
 * Hollander, Wolfe: Nonparametric Statistical Methods, 3.1–3.3; as R's `wilcox.test(conf.int = TRUE)`.
 */
export function signedRankEstimate(values: readonly number[]): Estimate {
  const means = values.flatMap((a, i) => values.slice(i).map((b) => (a + b) / 2)).sort((a, b) => a - b);
  const middle = (means.length - 1) / 2;
  const centre = ((means[Math.floor(middle)] as number) + (means[Math.ceil(middle)] as number)) / 2;
  const rejected = greatestRejectedRankSum(values.length);
  if (rejected < 0) return { centre, interval: null };
  return { centre, interval: [means[rejected] as number, means[means.length - 1 - rejected] as number] };
}

/** @returns the greatest k for which a rank sum of at most k is rarer than `TAIL`; -1 if even 0 is not. */
function greatestRejectedRankSum(count: number): number {
  // ways[s]: subsets of the ranks 1 to count whose sum is s. Each of 2^count is as likely as any other.
  const ways = [1];
  for (let rank = 1; rank <= count; rank++) {
    for (let sum = (rank * (rank + 1)) / 2; sum >= rank; sum--) ways[sum] = (ways[sum] ?? 0) + (ways[sum - rank] ?? 0);
  }
  let k = -1;
  for (let below = ways[0] as number; below / 2 ** count <= TAIL; below += ways[k + 1] as number) k += 1;
  return k;
}
