import type { StreamItem, StreamPage } from '../inbox/stream-page.js';
import type { Change, InboxNumbers } from '../notification.js';
import { stateJson } from './frame.js';

/** A page of an inbox on its way to connections: what is the same for several of them is built once. */
export class Update {
  readonly items: readonly StreamItem[];
  readonly numbers: InboxNumbers;
  readonly more: boolean;
  private plain?: string;
  private detailed?: string;

  /**
   * @param after the id after which the page was read; null if no items were read.
   * @param change the details of a change, if a hint brought any.
   */
  constructor(
    page: StreamPage,
    readonly after: number | null,
    private readonly change?: Change,
  ) {
    this.items = page.items;
    this.numbers = page.numbers;
    this.more = page.more;
  }

  /**
   * The data of the `state` event for a client that knows an earlier revision. Details go only to who knows the one
   * just before, and only if they are of the very change that led to this one: anybody else reloads.
   */
  state(knownRevision: number): string {
    const { revision } = this.numbers;
    if (this.change?.revision === revision && revision === knownRevision + 1) {
      this.detailed ??= stateJson(this.numbers, this.change);
      return this.detailed;
    }
    this.plain ??= stateJson(this.numbers);
    return this.plain;
  }
}
