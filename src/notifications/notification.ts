/**
 * The notification types of the host application, each with the type of its `data`. Empty here: the host fills it by
 * declaration merging. With any type registered a misspelt `type` or a missing field of `data` doesn't compile; with
 * none every string is accepted.
 *
 * @example
 * declare module 'nestjs-crm-notifications' {
 *   interface NotificationTypes {
 *     'deal.assigned': { dealId: string };
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by the host through declaration merging
export interface NotificationTypes {}

/** The registered types, or any string while none is registered. */
export type NotificationType = keyof NotificationTypes extends never ? string : keyof NotificationTypes & string;

/** The `data` of a notification of type `T`. */
export type NotificationData<T extends NotificationType = NotificationType> = T extends keyof NotificationTypes
  ? NotificationTypes[T]
  : object;

/** A notification to be sent. Distributes over the registered types, so that `type` decides what `data` must be. */
export type Notification<T extends NotificationType = NotificationType> = T extends NotificationType
  ? {
      /** What happened, 1–100 characters, such as `deal.assigned`. */
      type: T;
      /** One line for the person who reads it, 1–300 characters. */
      title: string;
      /** More text, at most 10,000 characters. Plain text: clients never treat it as HTML. */
      body?: string | null;
      /** Where a click leads: http(s), or a path of the CRM that starts with one `/`. At most 2,048 characters. */
      url?: string | null;
    } & (object extends NotificationData<T>
      ? {
          /** A JSON object for programs, at most 16 KiB as JSON. @default {} */
          data?: NotificationData<T>;
        }
      : {
          /** A JSON object for programs, at most 16 KiB as JSON. */
          data: NotificationData<T>;
        })
  : never;

/**
 * A notification as it stands in a recipient's inbox: what lists answer and streams carry. Distributes over the
 * registered types, so that a test of `type` tells what `data` is.
 */
export type InboxNotification<T extends NotificationType = NotificationType> = T extends NotificationType
  ? {
      /** Its place in this inbox: the recipient's 1st, 2nd, 3rd … notification. */
      id: number;
      type: T;
      title: string;
      body: string | null;
      url: string | null;
      data: NotificationData<T>;
      /** When it was delivered; ISO 8601, UTC, by the database's clock. */
      createdAt: string;
      read: boolean;
    }
  : never;

/** Whose inbox: an id, or an id within a tenant. The tenant is `''` where there is only one. */
export type Recipient = string | { tenant?: string; id: string };

/**
 * The numbers of an inbox at one moment. One set is newer than another if, and only if, its `lastId + revision` is
 * greater: ids tell arrivals, the revision tells changes to what is already there.
 */
export interface InboxNumbers {
  /** The id of the newest notification that ever arrived. */
  lastId: number;
  /** How many are unread. Absolute: a badge shows it as it is. */
  unread: number;
  /** Moves by one with each change (read, unread, removed, expired), never with an arrival. */
  revision: number;
}

/** One page of an inbox, newest first. */
export interface InboxPage extends InboxNumbers {
  items: InboxNotification[];
  /** Pass it as `before` to get the next page; null on the last one. */
  nextBefore: number | null;
}

/** What became of a `notify()` or a `broadcast()`. */
export interface NotifyResult {
  /** The id of the message; with `duplicate` that of the message which already has this idempotency key. */
  messageId: string;
  /**
   * - `delivered`: it is in every recipient's inbox.
   * - `queued`: it is in the outbox, and is delivered once the caller's transaction has committed or `deliverAt` has come.
   * - `duplicate`: a message with this idempotency key exists already; nothing was stored.
   */
  status: 'delivered' | 'queued' | 'duplicate';
}

/** What an operation on notifications changed, and the numbers after it. */
export interface ChangeResult extends InboxNumbers {
  /** How many of the ids given are in the inbox, changed or not. */
  found: number;
}

/** The details of one change of an inbox, and the revision that it led to. */
export type Change = { revision: number } & (
  | { read: number[] }
  | { readUpTo: number }
  | { unreadIds: number[] }
  | { removed: number[] }
);

/** What `list()` is asked for. */
export interface ListQuery {
  /** 1–100. @default 20 */
  limit?: number;
  /** Only notifications older than this id: `nextBefore` of the page before. @default the newest */
  before?: number;
  /** Only unread ones. @default false */
  unread?: boolean;
  /** Only those of this type. @default every type */
  type?: string;
}

/** An inbox's key: every statement starts with it. */
export interface InboxKey {
  tenant: string;
  recipient: string;
}
