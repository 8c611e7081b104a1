/** Listeners by the name of what they listen to. One that throws is reported, and harms no other. */
export class Emitter<Events extends Record<keyof Events, unknown[]>> {
  readonly #listeners: { [E in keyof Events]?: Set<(...args: Events[E]) => void> } = {};

  on<E extends keyof Events>(event: E, listener: (...args: Events[E]) => void): () => void {
    // The same function may listen twice.
    const own = (...args: Events[E]) => listener(...args);
    this.#listeners[event] = (this.#listeners[event] ?? new Set()).add(own);
    return () => this.#listeners[event]?.delete(own);
  }

  emit<E extends keyof Events>(event: E, ...args: Events[E]): void {
    for (const listener of [...(this.#listeners[event] ?? [])]) {
      try {
        listener(...args);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
