/** Tells listeners that something has changed: once for all that happens in one go. */
export class Changes {
  private readonly listeners = new Set<() => void>();
  private isPending = false;

  /** @returns what ends it. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  readonly tell = (): void => {
    if (this.isPending) return;
    this.isPending = true;
    queueMicrotask(() => {
      this.isPending = false;
      for (const listener of [...this.listeners]) listener();
    });
  };
}
