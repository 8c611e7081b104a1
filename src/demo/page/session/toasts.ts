import type { InboxNotification } from '../../../client/index.js';

const SHOWN_MS = 7_000;
/** More would cover the page: the bell counts them all. */
const MAX_SHOWN = 3;

/** The notifications that have just arrived, for a moment each. */
export class Toasts {
  /** Newest first. */
  items: readonly InboxNotification[] = [];
  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>();

  constructor(private readonly onChange: () => void) {}

  add(notification: InboxNotification): void {
    this.items = [notification, ...this.items];
    for (const { id } of this.items.slice(MAX_SHOWN)) this.dismiss(id);
    this.resume(notification.id);
    this.onChange();
  }

  /** While somebody is reading it. */
  hold(id: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  resume(id: number): void {
    this.hold(id);
    this.timers.set(
      id,
      setTimeout(() => this.dismiss(id), SHOWN_MS),
    );
  }

  dismiss(id: number): void {
    this.hold(id);
    this.items = this.items.filter((item) => item.id !== id);
    this.onChange();
  }

  close(): void {
    for (const id of [...this.timers.keys()]) this.hold(id);
  }
}
