import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { RelativeTime } from './relative-time.js';

const SECOND = 1_000;
const DAY = 86_400_000;

/** Tells ages, and renders again when the first of those told is no longer right. */
export class Clock implements ReactiveController {
  private now = 0;
  private wrongAt = Number.POSITIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly host: ReactiveControllerHost) {}

  hostUpdate(): void {
    clearTimeout(this.timer);
    this.now = Date.now();
    this.wrongAt = Number.POSITIVE_INFINITY;
  }

  /** The age at the time of this rendering. */
  age(then: number, times: RelativeTime): string {
    const { text, changesAt } = times.age(then, this.now);
    this.wrongAt = Math.min(this.wrongAt, changesAt);
    return text;
  }

  hostUpdated(): void {
    if (this.wrongAt === Number.POSITIVE_INFINITY) return;
    // A timer of more than 24.8 days would fire at once.
    const wait = Math.min(Math.max(this.wrongAt - Date.now(), SECOND), DAY);
    this.timer = setTimeout(() => this.host.requestUpdate(), wait);
  }

  hostDisconnected(): void {
    clearTimeout(this.timer);
  }
}
