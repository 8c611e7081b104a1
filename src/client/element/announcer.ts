import type { ReactiveController, ReactiveControllerHost } from 'lit';

const QUIET_MS = 1_000;
const LONGEST_MS = 5_000;

/** What a screen reader is told, politely: how many have arrived, once they stop coming, and what went wrong. */
export class Announcer implements ReactiveController {
  text = '';

  private count = 0;
  private since = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly inWords: (count: number) => string,
  ) {}

  hostDisconnected(): void {
    clearTimeout(this.timer);
    this.count = 0;
  }

  countArrival(): void {
    if (this.count === 0) {
      this.since = Date.now();
      // The same words again are heard only if there was nothing in between.
      this.say('');
    }
    this.count++;
    clearTimeout(this.timer);
    const left = this.since + LONGEST_MS - Date.now();
    this.timer = setTimeout(() => this.sayCount(), Math.max(0, Math.min(QUIET_MS, left)));
  }

  say(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.host.requestUpdate();
  }

  private sayCount(): void {
    this.say(this.inWords(this.count));
    this.count = 0;
  }
}
