/**
 * What is loaded from the server, and loaded again whenever something hints that it has changed. Hints that come while
 * it is being loaded make it load once more: what is under way may have been read before them.
 */
export class Loaded<T> {
  private loading: Promise<void> | null = null;
  private isOutdated = false;

  constructor(
    public value: T,
    private readonly load: () => Promise<T>,
    private readonly onChange: () => void,
  ) {}

  /** Resolves when it shows what the server had after this call. */
  async reload(): Promise<void> {
    this.isOutdated = true;
    this.loading ??= this.run().finally(() => {
      this.loading = null;
    });
    await this.loading;
  }

  private async run(): Promise<void> {
    while (this.isOutdated) {
      this.isOutdated = false;
      this.value = await this.load();
      this.onChange();
    }
  }
}
