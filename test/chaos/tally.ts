/** What was counted in a run, by name. */
export class Tally {
  private readonly counts = new Map<string, number>();
  private readonly greatest = new Map<string, number>();

  add(name: string, count = 1): void {
    this.counts.set(name, this.of(name) + count);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  /** Keeps the greatest value. */
  max(name: string, value: number): void {
    this.greatest.set(name, Math.max(this.greatest.get(name) ?? 0, value));
  }

  /** The greatest values, in the order in which they were first told. */
  get maxima(): [name: string, value: number][] {
    return [...this.greatest];
  }

  /** The names that start so, sorted, with their numbers. */
  startingWith(prefix: string): [name: string, count: number][] {
    return [...this.counts]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, count]): [string, number] => [name.slice(prefix.length), count])
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
