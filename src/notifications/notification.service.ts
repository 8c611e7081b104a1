import type { Writable } from 'node:stream';
import type { MessageEvent } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Observable } from 'rxjs';
import type { EntityManager } from 'typeorm';
import {
  idsOf,
  idsOrUpTo,
  keyOf,
  listQueryOf,
  messageOf,
  recipientsOf,
  signalsOf,
  streamOptionsOf,
} from './arguments.js';
import { Announcer } from './broker/announcer.js';
import { silentError, withDeadline } from './inbox/call-limit.js';
import { ConnectionCounts } from './inbox/connection-counts.js';
import type { Outgoing } from './inbox/delivery-call.js';
import { DirectDelivery } from './inbox/direct-delivery.js';
import { type ChangeOutcome, InboxStore } from './inbox/inbox.store.js';
import { RECIPIENTS_PER_STATEMENT } from './inbox/limits.js';
import { Outbox } from './inbox/outbox.js';
import { hintsOf } from './inbox/payload-inboxes.js';
import { toNotificationsError } from './inbox/postgres-error.js';
import { RecipientLimit } from './inbox/recipient-limit.js';
import { readable } from './invalid.js';
import type {
  ChangeResult,
  InboxKey,
  InboxNumbers,
  InboxPage,
  ListQuery,
  Notification,
  NotifyResult,
  Recipient,
} from './notification.js';
import type { NotifyOptions, SignalOptions, StreamOptions } from './notification.service.options.js';
import type { ResolvedOptions } from './notifications.options.js';
import { NOTIFICATIONS_OPTIONS } from './notifications.tokens.js';
import { currentContext } from './own-context.js';
import { checkPayload } from './payload.js';
import { Hub } from './stream/hub.js';

/** Of a message to more, most of what storing it could tell at once would be told for nobody. */
const ARRIVALS_AT_MOST = 20;

/** Sends, lists, changes and streams notifications. */
@Injectable()
export class NotificationService {
  /** What is asked about an inbox, by its user or by the host. */
  private readonly questions = new RecipientLimit();

  constructor(
    @Inject(DirectDelivery) private readonly direct: DirectDelivery,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(InboxStore) private readonly inboxes: InboxStore,
    @Inject(Announcer) private readonly announcer: Announcer,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(ConnectionCounts) private readonly counts: ConnectionCounts,
    @Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions,
  ) {}

  /**
   * Notifies one recipient or many (100,000 at most).
   *
   * @returns `delivered` once it is in every inbox; `queued` with `manager`, a future `deliverAt`, or more than 5,000
   * recipients; `duplicate` if the idempotency key is taken.
   * @throws {NotificationsError} before anything is written, if an argument breaks a limit; see its codes.
   */
  async notify(
    to: string | readonly string[],
    notification: Notification,
    options: NotifyOptions = {},
  ): Promise<NotifyResult> {
    const { content, ...when } = messageOf(notification, options);
    return await this.send({ ...content, recipients: recipientsOf(to) }, when);
  }

  /** Notifies everybody of a tenant who has an inbox: whoever was sent something or has looked before. */
  async broadcast(notification: Notification, options: NotifyOptions = {}): Promise<NotifyResult> {
    const { content, ...when } = messageOf(notification, options);
    return await this.send({ ...content, kind: 'broadcast' }, when);
  }

  /**
   * A page of a recipient's notifications, newest first. It may hold fewer than `limit`, or none, and still not be the last
   * one: one call looks at 5,000 notifications at most, and `nextBefore` goes on from there.
   *
   * This and the calls about one inbox below run four at a time for each recipient; more wait for up to two seconds.
   *
   * @throws {NotificationsError} `TOO_MANY_REQUESTS` when that is over; `OVERLOADED` when there was no connection for 10 s;
   *   `INBOX_BUSY` when another transaction held a lock for 4 s; `DATABASE_UNAVAILABLE` also when Postgres has not answered
   *   within `notifyTimeoutMs`.
   */
  async list(recipient: Recipient, query: ListQuery = {}): Promise<InboxPage> {
    const wanted = listQueryOf(query);
    return await this.ask(recipient, (key) => this.inboxes.list(key, wanted));
  }

  /** The count of unread notifications, with the numbers that tell how new it is. */
  async unreadCount(recipient: Recipient): Promise<InboxNumbers> {
    return await this.ask(recipient, (key) => this.inboxes.numbers(key));
  }

  /**
   * Marks notifications as read: up to 1,000 ids, or all up to an id. Ids that are not in the inbox are passed over.
   *
   * All up to an id are marked 5,000 at a time, oldest first: a call that is rejected may have marked some of them.
   */
  async markRead(recipient: Recipient, which: readonly number[] | { upTo: number }): Promise<ChangeResult> {
    const given = idsOrUpTo(which);
    return await this.change(recipient, (key) =>
      'upTo' in given
        ? this.inboxes.markReadUpTo(key, given.upTo, (step) => this.announcer.announce([{ ...key, change: step }]))
        : this.inboxes.markRead(key, given.ids),
    );
  }

  /** Marks up to 1,000 notifications as unread. Ids that are not in the inbox are passed over. */
  async markUnread(recipient: Recipient, ids: readonly number[]): Promise<ChangeResult> {
    const given = idsOf(ids);
    return await this.change(recipient, (key) => this.inboxes.markUnread(key, given));
  }

  /** Deletes up to 1,000 notifications from the inbox. Ids that are not in it are passed over. */
  async remove(recipient: Recipient, ids: readonly number[]): Promise<ChangeResult> {
    const given = idsOf(ids);
    return await this.change(recipient, (key) => this.inboxes.remove(key, given));
  }

  /**
   * A recipient's event stream, for an `@Sse()` handler: what was missed since `lastEventId`, then what happens.
   * It never errors; each subscription is a stream of its own.
   *
   * @throws {NotificationsError} `TOO_MANY_STREAMS_OF_RECIPIENT` or `TOO_MANY_STREAMS`, here or on subscription
   */
  stream(recipient: Recipient, options: StreamOptions = {}): Observable<MessageEvent> {
    const key = keyOf(recipient);
    const { response: given, ...rest } = streamOptionsOf(options);
    // The Http2ServerResponse of node:http2 is no Writable: it doesn't tell when it needs to drain. Its stream is one.
    const response = given && 'stream' in given ? (given.stream as Writable) : given;
    // While an error can still be answered. It ends with the response, if nobody subscribes.
    let reserved = response && this.hub.reserve(key, response);
    return new Observable((subscriber) => {
      const reservation = reserved ?? this.hub.reserve(key, response);
      reserved = undefined;
      // Operators of the host behind this see what their own request has stored, whoever causes a frame.
      const inSubscribersContext = currentContext();
      const connection = reservation.connect({
        ...rest,
        output: response,
        next: (frames) => inSubscribersContext(() => frames.forEach((frame) => void subscriber.next(frame))),
        complete: () => inSubscribersContext(() => subscriber.complete()),
      });
      return () => connection?.close();
    });
  }

  /** Ends the recipient's live streams, and lets no stream token issued before open a new one. */
  async disconnect(recipient: Recipient): Promise<void> {
    const key = keyOf(recipient);
    // A stream that has not read its inbox yet could not tell this from a disconnect() before its time.
    const streams = this.hub.streamsOf(key);
    const done = this.inboxes.disconnect(key).then(() => {
      this.hub.end(streams, 'revoked');
      this.announcer.announce([key]);
    });
    await this.inTime(done).catch(refuse);
  }

  /** When `disconnect(recipient)` was last called, in microseconds by the database's clock; 0 if never. */
  async streamsValidFrom(recipient: Recipient): Promise<number> {
    return await this.inTime(this.inboxes.streamsValidFrom(keyOf(recipient))).catch(refuse);
  }

  /**
   * Sends something to the live streams of one recipient or many, such as the progress of an import: it is not stored, not
   * replayed, and reaches whoever listens now. Best effort: a stream that isn't reading misses it.
   *
   * To many recipients it goes to each by itself: for everybody of a tenant take `signalAll()`.
   *
   * @param data a JSON object, at most 4 KiB as JSON.
   * @throws {NotificationsError} `INVALID_ARGUMENT`
   */
  signal(to: string | readonly string[], type: string, data: object = {}, options: SignalOptions = {}): void {
    this.announcer.announce(signalsOf(type, data, options, to ?? []));
  }

  /** `signal()` to every live stream of a tenant. */
  signalAll(type: string, data: object = {}, options: SignalOptions = {}): void {
    this.announcer.announce(signalsOf(type, data, options));
  }

  /** How many streams this instance has, of one recipient or of all. */
  connections(recipient?: Recipient): number {
    return this.hub.connections(recipient === undefined ? undefined : keyOf(recipient));
  }

  /**
   * How many streams all instances have together, of one recipient or of all. Each instance tells its numbers every few
   * seconds, so this is right eventually; what a killed instance told counts for half a minute.
   *
   * @throws {NotificationsError} `DATABASE_UNAVAILABLE` when Postgres takes longer than two seconds: nobody waits longer.
   */
  async totalConnections(recipient?: Recipient): Promise<number> {
    const key = recipient === undefined ? undefined : keyOf(recipient);
    return await this.counts.total(key).catch(refuse);
  }

  private async send(payload: Outgoing, when: { manager?: EntityManager; deliverAt?: string }): Promise<NotifyResult> {
    readable('The notification', () => checkPayload(payload));
    const messageId = payload.id;
    const isLarge = payload.kind !== 'broadcast' && payload.recipients.length > RECIPIENTS_PER_STATEMENT;
    if (when.manager || when.deliverAt || isLarge) {
      await this.outbox.add(payload, when);
      return { messageId, status: 'queued' };
    }
    const { existing, arrivals } = await this.direct.deliver(payload, {
      hasStreams: this.hasStreams(payload),
      onLate: () => this.announcer.announce(hintsOf(payload)),
    });
    if (existing) return { messageId: existing, status: 'duplicate' };
    this.announcer.announce(hintsOf(payload), arrivals);
    return { messageId, status: 'delivered' };
  }

  private hasStreams(payload: Outgoing): boolean {
    if (payload.kind === 'broadcast' || payload.recipients.length > ARRIVALS_AT_MOST) return false;
    const { tenant = '' } = payload;
    return payload.recipients.some((recipient) => this.hub.connections({ tenant, recipient }) > 0);
  }

  private async change(recipient: Recipient, work: (key: InboxKey) => Promise<ChangeOutcome>): Promise<ChangeResult> {
    return await this.ask(recipient, async (key) => {
      const { change, ...result } = await work(key);
      if (change) this.announcer.announce([{ ...key, change }]);
      return result;
    });
  }

  private async ask<T>(recipient: Recipient, question: (key: InboxKey) => Promise<T>): Promise<T> {
    const key = keyOf(recipient);
    return await this.questions.run(key, () => this.inTime(question(key))).catch(refuse);
  }

  /** What Postgres answers too late is done, and announced, all the same. */
  private async inTime<T>(work: Promise<T>): Promise<T> {
    const { notifyTimeoutMs } = this.options;
    return await withDeadline(notifyTimeoutMs, work, () => silentError(notifyTimeoutMs));
  }
}

function refuse(error: unknown): never {
  throw toNotificationsError(error);
}
