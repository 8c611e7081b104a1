import { nameOf } from '../inbox-name.js';
import type { NotificationsError } from '../notifications.error.js';
import type { Payload } from '../payload.js';
import type { StreamPage } from './stream-page.js';

/** A message on its way, with its id. */
export type Outgoing = Payload & { id: string };

/** What became of a message. */
export interface Delivery {
  /** Null once it is in every inbox; or the id of the message that has its idempotency key already. */
  existing: string | null;
  /** Recipient → what has come to that inbox, where it was asked for and the message was stored by itself. */
  arrivals?: ReadonlyMap<string, StreamPage>;
}

/** How a message is delivered. */
export interface DeliveryOptions {
  /** Streams wait for it here: return what has come to the inboxes, if that takes no other statement. @default false */
  hasStreams?: boolean;
  /** Is called if it was stored after all, when the caller has already been given up. */
  onLate?(): void;
}

/** A call that waits for its message to be stored. Settled once, by whatever comes first. */
export class DeliveryCall {
  readonly json: string;
  readonly recipients: number;
  readonly since = performance.now();
  /** It waits for a lock that can't be seen: it is tried alone. */
  isSuspect = false;
  readonly hasStreams: boolean;
  /** It is with Postgres, or has been: it may be stored. */
  isSent = false;
  isSettled = false;
  private touches?: string[];

  /** @param order which call this is: what is for the same inbox goes in this order. */
  constructor(
    readonly order: number,
    readonly payload: Outgoing,
    private readonly options: DeliveryOptions,
    private readonly onSettled: (call: DeliveryCall) => void,
    private readonly onResolve: (delivery: Delivery) => void,
    private readonly onReject: (error: NotificationsError) => void,
  ) {
    this.json = JSON.stringify(payload);
    this.recipients = payload.kind === 'broadcast' ? 1 : payload.recipients.length;
    this.hasStreams = options.hasStreams ?? false;
  }

  /** The inboxes and the idempotency key that it touches. U+0000 is in no id and no key, so no two have the same name. */
  get names(): readonly string[] {
    if (!this.touches) {
      const { payload } = this;
      const { tenant = '', idempotencyKey } = payload;
      this.touches = namesOf(payload);
      if (typeof idempotencyKey === 'string') this.touches.push(`${tenant}\0\0${idempotencyKey}`);
    }
    return this.touches;
  }

  resolve(delivery: Delivery): void {
    if (this.isSettled) {
      if (delivery.existing === null) this.options.onLate?.();
      return;
    }
    this.settle();
    this.onResolve(delivery);
  }

  reject(error: NotificationsError): void {
    if (this.isSettled) return;
    this.settle();
    this.onReject(error);
  }

  private settle(): void {
    this.isSettled = true;
    this.onSettled(this);
  }
}

/** The inboxes of a payload, by {@link nameOf}; a broadcast has the counter of its tenant. */
export function namesOf(payload: Payload): string[] {
  const { tenant = '' } = payload;
  return payload.kind === 'broadcast'
    ? [nameOf({ tenant, recipient: '' })]
    : payload.recipients.map((recipient) => nameOf({ tenant, recipient }));
}
