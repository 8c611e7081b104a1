import { nameOf } from '../inbox-name.js';
import type { InboxKey } from '../notification.js';
import { NotificationsError } from '../notifications.error.js';
import { WaitQueue } from './wait-queue.js';

/** Questions of one recipient under way at once on an instance. */
const IN_FLIGHT = 4;
/** A question that has not had its turn by then is refused. */
const WAIT_MS = 2_000;
/** So many of one recipient may wait; more are refused at once. */
const WAITING_OF_RECIPIENT = 100;
/** And so many of all recipients together. */
const WAITING = 10_000;

interface Asker {
  underWay: number;
  readonly waiting: WaitQueue;
}

/** Lets each recipient ask a few questions at a time, so that nobody who asks much makes others wait. */
export class RecipientLimit {
  private readonly askers = new Map<string, Asker>();
  private waiting = 0;

  /**
   * Does the work when it is this question's turn.
   *
   * @throws {NotificationsError} `TOO_MANY_REQUESTS` if that is not within two seconds, or too many wait already.
   */
  async run<T>(key: InboxKey, work: () => Promise<T>): Promise<T> {
    const name = nameOf(key);
    const asker = this.askers.get(name) ?? {
      underWay: 0,
      waiting: new WaitQueue(WAITING_OF_RECIPIENT, WAIT_MS, tooMany),
    };
    this.askers.set(name, asker);
    if (asker.underWay < IN_FLIGHT) asker.underWay += 1;
    else await this.turn(asker);
    try {
      return await work();
    } finally {
      // The next one takes over this place, so that nobody who asks meanwhile overtakes it.
      if (!asker.waiting.admit()) asker.underWay -= 1;
      if (asker.underWay === 0) this.askers.delete(name);
    }
  }

  private async turn({ waiting }: Asker): Promise<void> {
    if (this.waiting >= WAITING) throw tooMany();
    this.waiting += 1;
    try {
      await waiting.wait();
    } finally {
      this.waiting -= 1;
    }
  }
}

function tooMany(): NotificationsError {
  return new NotificationsError(
    'TOO_MANY_REQUESTS',
    `The recipient has ${IN_FLIGHT} questions in flight, and this one has waited for ${WAIT_MS} ms or finds too many before it. Ask again later, and fewer at a time.`,
  );
}
