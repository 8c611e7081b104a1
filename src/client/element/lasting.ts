import type { ReactiveController, ReactiveControllerHost } from 'lit';

const BEFORE_MS = 2_000;
const AT_LEAST_MS = 1_000;

/** Whether something has been so for a while: shown late, and then for more than a blink. */
export class Lasting implements ReactiveController {
  shown = false;

  private shownAt = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly holds: () => boolean,
  ) {}

  hostUpdate(): void {
    const holds = this.holds();
    if (holds === this.shown) this.cancel();
    else {
      const wait = holds ? BEFORE_MS : this.shownAt + AT_LEAST_MS - Date.now();
      this.timer ??= setTimeout(() => this.turn(), Math.max(0, wait));
    }
  }

  hostDisconnected(): void {
    this.cancel();
    this.shown = false;
  }

  private cancel(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private turn(): void {
    this.timer = undefined;
    this.shown = !this.shown;
    this.shownAt = Date.now();
    this.host.requestUpdate();
  }
}
