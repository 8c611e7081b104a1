import { NotificationsError } from '../notifications.error.js';

/** Counts the streams that were let in, and lets no more in than is allowed. */
export class Admission {
  private readonly counts = new Map<string, number>();
  private total = 0;

  constructor(private readonly limits: { maxStreamsPerRecipient: number; maxStreams: number | null }) {}

  /**
   * Takes a place among the streams. @returns gives it back; may be called twice.
   * @throws {NotificationsError} `TOO_MANY_STREAMS_OF_RECIPIENT` or `TOO_MANY_STREAMS`
   */
  admit(name: string): () => void {
    const { maxStreams, maxStreamsPerRecipient } = this.limits;
    const count = this.counts.get(name) ?? 0;
    if (count >= maxStreamsPerRecipient) {
      const message = `This recipient has ${count} streams already, which is all that maxStreamsPerRecipient allows. Close one, or share one stream between tabs.`;
      throw new NotificationsError('TOO_MANY_STREAMS_OF_RECIPIENT', message);
    }
    if (maxStreams !== null && this.total >= maxStreams) {
      const message = `This instance has ${maxStreams} streams, which is all that maxStreams allows. Try again, on another instance if there is one.`;
      throw new NotificationsError('TOO_MANY_STREAMS', message);
    }
    this.counts.set(name, count + 1);
    this.total += 1;
    let given = true;
    return () => {
      if (given) this.release(name);
      given = false;
    };
  }

  private release(name: string): void {
    this.total -= 1;
    const left = (this.counts.get(name) ?? 1) - 1;
    if (left > 0) this.counts.set(name, left);
    else this.counts.delete(name);
  }
}
