/** Those who wait for their turn, in their order: bounded in number and in time. */
export class WaitQueue {
  /** In their order. */
  private readonly waiting = new Set<() => void>();

  /**
   * @param limit so many may wait; more are refused at once.
   * @param waitMs who has not had a turn by then is refused.
   * @param refusal makes the error that they are refused with.
   */
  constructor(
    private readonly limit: number,
    private readonly waitMs: number,
    private readonly refusal: () => Error,
  ) {}

  get isEmpty(): boolean {
    return this.waiting.size === 0;
  }

  /** Resolves when it is this one's turn. @throws the refusal */
  async wait(): Promise<void> {
    if (this.waiting.size >= this.limit) throw this.refusal();
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        this.waiting.delete(go);
      };
      const go = () => {
        leave();
        resolve();
      };
      const timer = setTimeout(() => {
        leave();
        reject(this.refusal());
      }, this.waitMs).unref();
      this.waiting.add(go);
    });
  }

  /** Gives the first one its turn, which takes it out at once. @returns whether there was one */
  admit(): boolean {
    const [first] = this.waiting;
    first?.();
    return first !== undefined;
  }
}
