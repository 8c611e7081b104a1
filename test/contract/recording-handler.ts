import type { Hint, HintHandler } from '../../src/notifications/broker/broker.js';

/** Keeps what a broker tells. */
export class RecordingHandler implements HintHandler {
  /** As they came: one element for each call. */
  readonly calls: (readonly Hint[])[] = [];
  gaps = 0;

  onHints(hints: readonly Hint[]): void {
    this.calls.push(hints);
  }

  onGap(): void {
    this.gaps += 1;
  }

  get hints(): Hint[] {
    return this.calls.flat();
  }

  get recipients(): (string | undefined)[] {
    return this.hints.map((hint) => hint.recipient);
  }

  hasHeard(recipient: string): boolean {
    return this.calls.some((hints) => hints.some((hint) => hint.recipient === recipient));
  }
}
