/** What is under way in a guard, held by `x-hold` until the test lets it go on. */
export class HeldGuards {
  private readonly waiting = new Map<string, (() => void)[]>();

  async pass(request: { headers: Record<string, unknown> }, where: string): Promise<void> {
    if (request.headers['x-hold'] !== where) return;
    await new Promise<void>((resolve) => this.waiting.set(where, [...(this.waiting.get(where) ?? []), resolve]));
  }

  count(where: string): number {
    return this.waiting.get(where)?.length ?? 0;
  }

  release(): void {
    for (const resolves of this.waiting.values()) for (const resolve of resolves) resolve();
    this.waiting.clear();
  }
}
