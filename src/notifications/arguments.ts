import type { Writable } from 'node:stream';
import type { EntityManager } from 'typeorm';
import { describe, invalid, readable } from './invalid.js';
import type { InboxKey, ListQuery, Notification, Recipient } from './notification.js';
import type { NotifyOptions, SignalOptions, StreamOptions } from './notification.service.options.js';
import {
  checkRecipientId,
  checkRecipients,
  checkTenant,
  instant,
  isTooLong,
  isValidDate,
  LIMITS,
  signalJson,
} from './payload.js';
import { uuidV7 } from './uuid-v7.js';

/** The most notifications that one call changes, and that one page holds. */
const MAX_IDS = 1_000;
const MAX_PAGE = 100;
/** Fifteen digits: exact as a JavaScript number. */
const MAX_ID = 999_999_999_999_999;

/**
 * What `notify()` and `broadcast()` were given: each of it is read once, and the message gets its id, by which a repeat
 * after an unknown commit is recognised. Its limits are checked with the payload.
 *
 * @throws {NotificationsError} `INVALID_ARGUMENT`
 */
export function messageOf(notification: Notification, options: NotifyOptions) {
  const content = fieldsOf(
    'The notification',
    notification,
    ['type', 'title', 'body', 'url', 'data'],
    'a notification',
  );
  const optionNames = ['manager', 'tenant', 'idempotencyKey', 'deliverAt', 'expiresAt'] as const;
  const { manager, tenant, idempotencyKey, ...dates } = fieldsOf('The options', options, optionNames, 'the options');
  if (manager !== undefined) checkManager(manager);
  const deliverAt = dates.deliverAt === undefined ? undefined : instant('deliverAt', dates.deliverAt);
  const expiresAt = dates.expiresAt === undefined ? undefined : instant('expiresAt', dates.expiresAt);
  if (deliverAt && expiresAt && deliverAt >= expiresAt) {
    invalid('expiresAt', 'must be after deliverAt: the notification would be gone before it comes.');
  }
  return { manager, deliverAt, content: { id: uuidV7(), ...content, tenant, idempotencyKey, expiresAt } };
}

/** The ids of recipients, each once; they are checked with the payload. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function recipientsOf(to: string | readonly string[]): string[] {
  if (typeof to === 'string') return [to];
  return readable('recipients', () => (Array.isArray(to) ? [...new Set(to)] : (to as string[])));
}

/** What `signal()` and, without `to`, `signalAll()` were given. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function signalsOf(type: unknown, data: unknown, options: SignalOptions, to?: string | readonly string[]) {
  const { tenant = '' } = fieldsOf('The options', options, ['tenant'], 'the options of a signal');
  checkTenant(tenant);
  const signal = readable('The signal', () => signalJson(type, data));
  if (to === undefined) return [{ tenant, signal }];
  const recipients = recipientsOf(to);
  readable('recipients', () => checkRecipients(recipients));
  return recipients.map((recipient) => ({ tenant, recipient, signal }));
}

/** The inbox of a recipient. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function keyOf(recipient: Recipient): InboxKey {
  const { id, tenant = '' } = readable('recipient', () => {
    const isKey = typeof recipient === 'object' && recipient !== null && !Array.isArray(recipient);
    return isKey ? { id: recipient.id, tenant: recipient.tenant } : { id: recipient as string };
  });
  checkRecipientId(id);
  checkTenant(tenant);
  return { tenant, recipient: id };
}

/** The ids of notifications. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function idsOf(given: unknown): number[] {
  const ids: unknown[] = readable('ids', () => (Array.isArray(given) && given.length <= MAX_IDS ? [...given] : []));
  if (ids.length > 0 && ids.every(isId)) return ids;
  invalid('ids', `must be a list of 1 to ${MAX_IDS.toLocaleString('en')} notification ids.`);
}

/** What `markRead()` is about. @throws {NotificationsError} `INVALID_ARGUMENT` */
export function idsOrUpTo(which: unknown): { ids: number[] } | { upTo: number } {
  return readable('ids', () => {
    if (typeof which !== 'object' || which === null || !('upTo' in which)) return { ids: idsOf(which) };
    const { upTo } = which;
    if (!isId(upTo)) invalid('upTo', 'must be a notification id.');
    return { upTo };
  });
}

/** @throws {NotificationsError} `INVALID_ARGUMENT` */
export function listQueryOf(query: ListQuery): ListQuery {
  const copy = fieldsOf('The query', query, ['limit', 'before', 'unread', 'type'], 'a query');
  const { limit, before, unread, type } = copy;
  const limitIsWrong = !Number.isInteger(limit) || (limit as number) < 1 || (limit as number) > MAX_PAGE;
  if (limit !== undefined && limitIsWrong) invalid('limit', `must be a whole number from 1 to ${MAX_PAGE}.`);
  if (before !== undefined && !isId(before)) invalid('before', 'must be a notification id.');
  if (unread !== undefined && typeof unread !== 'boolean') invalid('unread', 'must be true or false.');
  const typeIsWrong =
    typeof type !== 'string' || isTooLong(type, LIMITS.type) || /\0/.test(type) || !type.isWellFormed();
  if (type !== undefined && typeIsWrong) invalid('type', 'must be the type of a notification.');
  return copy;
}

/** @throws {NotificationsError} `INVALID_ARGUMENT` */
export function streamOptionsOf(options: StreamOptions): StreamOptions {
  const names = ['lastEventId', 'expiresAt', 'validFrom', 'response'] as const;
  const copy = fieldsOf('The options', options, names, 'the options of a stream');
  const { lastEventId, expiresAt, validFrom, response } = copy;
  if (lastEventId !== undefined && typeof lastEventId !== 'string') invalid('lastEventId', 'must be a string.');
  if (expiresAt !== undefined && !isValidDate(expiresAt)) {
    invalid('expiresAt', 'must be a valid Date.');
  }
  if (validFrom !== undefined && !Number.isFinite(validFrom)) {
    invalid('validFrom', 'must be a number, as streamsValidFrom() gives it.');
  }
  if (response !== undefined && !isWritable(response)) invalid('response', 'must be the raw response, a Writable.');
  return copy;
}

/** A copy of a caller's object, each field of it read once. */
function fieldsOf<T extends object, K extends keyof T & string>(
  name: string,
  given: T,
  allowed: readonly K[],
  what: string,
): Pick<T, K> {
  if (typeof given !== 'object' || given === null) invalid(name, `must be an object, not ${describe(given)}.`);
  return readable(name, () => {
    const unknown = Object.keys(given).find((key) => !(allowed as readonly string[]).includes(key));
    if (unknown !== undefined) {
      invalid(unknown.slice(0, 50), `is not a field of ${what}; those are ${allowed.join(', ')}.`);
    }
    const fields: Partial<Pick<T, K>> = {};
    for (const key of allowed) fields[key] = given[key];
    return fields as Pick<T, K>;
  });
}

/** By its form: TypeORM may be there twice, and an EntityManager behind a Proxy. */
function checkManager(manager: unknown): asserts manager is EntityManager {
  const isManager = readable('manager', () => {
    const { query, getRepository, connection } = (manager ?? {}) as Record<keyof EntityManager, unknown>;
    return typeof query === 'function' && typeof getRepository === 'function' && typeof connection === 'object';
  });
  if (!isManager) {
    invalid(
      'manager',
      'must be the EntityManager of your transaction, as dataSource.transaction(async (manager) => ...) gives it.',
    );
  }
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ID;
}

function isWritable(value: unknown): value is Writable {
  const { write, once } = (value ?? {}) as Partial<Writable>;
  return typeof write === 'function' && typeof once === 'function';
}
