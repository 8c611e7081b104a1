import type { DeliveryCall } from './delivery-call.js';
import { RECIPIENTS_PER_STATEMENT } from './limits.js';

const BYTES_PER_STATEMENT = 4 * 1024 * 1024;

/** Messages of one statement, and what they touch. */
export class Batch {
  readonly calls: DeliveryCall[] = [];
  private recipients = 0;
  private bytes = 0;
  /** The inboxes and the idempotency keys of the first so many calls. */
  private readonly touched = new Set<string>();
  private noted = 0;

  add(call: DeliveryCall): void {
    this.calls.push(call);
    this.recipients += call.recipients;
    this.bytes += call.json.length;
  }

  fits(call: DeliveryCall): boolean {
    if (this.calls.length === 0) return true;
    return (
      this.recipients + call.recipients <= RECIPIENTS_PER_STATEMENT &&
      this.bytes + call.json.length <= BYTES_PER_STATEMENT
    );
  }

  /** Noted only when somebody asks: alone, nobody does. */
  meets(call: DeliveryCall): boolean {
    for (; this.noted < this.calls.length; this.noted++) {
      for (const name of (this.calls[this.noted] as DeliveryCall).names) this.touched.add(name);
    }
    return this.touched.size > 0 && call.names.some((name) => this.touched.has(name));
  }
}
