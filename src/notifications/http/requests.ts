import { BadRequestException, NotFoundException } from '@nestjs/common';
import type { ListQuery } from '../notification.js';
import type { HttpRequest } from '../notifications.options.js';
import { isTooLong, LIMITS } from '../payload.js';
import { queryParameter } from './http-message.js';

// Parsed by hand from `unknown`: a host's global pipes validate by its own rules (`forbidNonWhitelisted` refuses every
// class without decorators), and the answers should be the same in every host. No message repeats what was sent.

const ID = /^\d{1,15}$/;
const MAX_ID = 999_999_999_999_999;
const MAX_IDS = 1_000;

/** A cursor that no inbox has: the stream answers it with `reset`. */
const MALFORMED = 'malformed';

/** @throws {NotFoundException} what is no id can't be in the inbox. */
export function parseId(id: unknown): number {
  if (!matches(id, ID)) throw notInInbox();
  return Number(id);
}

export function notInInbox(): NotFoundException {
  return new NotFoundException('There is no notification with this id in your inbox.');
}

/**
 * The query of `GET /notifications`. Parameters that it doesn't know belong to somebody else: a proxy, a cache buster.
 *
 * @throws {BadRequestException} with the parameter and what is allowed.
 */
export function parseListQuery(query: unknown): ListQuery {
  const { limit, before, unread, type } = (query ?? {}) as Record<string, unknown>;
  const parsed: ListQuery = {};
  if (limit !== undefined) {
    if (!matches(limit, /^\d{1,3}$/) || Number(limit) < 1 || Number(limit) > 100) {
      refuse('limit must be a whole number from 1 to 100.');
    }
    parsed.limit = Number(limit);
  }
  if (before !== undefined) {
    if (!matches(before, ID))
      refuse('before must be an id: 1 to 15 digits, such as the nextBefore of the page before.');
    parsed.before = Number(before);
  }
  if (unread !== undefined) {
    if (unread !== 'true' && unread !== 'false') refuse('unread must be true or false.');
    parsed.unread = unread === 'true';
  }
  if (type !== undefined) {
    if (!matches(type, /^[^\0]+$/) || !type.isWellFormed() || isTooLong(type, LIMITS.type)) {
      refuse(`type must be one type of notification, with 1 to ${LIMITS.type} characters.`);
    }
    parsed.type = type;
  }
  return parsed;
}

/**
 * The body of `PATCH /notifications/ID`.
 *
 * @throws {BadRequestException} unless it is `{"read": true}` or `{"read": false}`.
 */
export function parseReadFlag(body: unknown): boolean {
  const { read } = fields(body, ['read'], 'The body must be {"read": true} or {"read": false}, and nothing else.');
  if (typeof read !== 'boolean') refuse('read must be true or false.');
  return read;
}

/**
 * The body of `POST /notifications/read`.
 *
 * @throws {BadRequestException} unless it is `{"ids": [1–1,000 ids]}` or `{"upTo": id}`.
 */
export function parseReadTarget(body: unknown): number[] | { upTo: number } {
  const rule = 'The body must be {"ids": [1, 2, 3]} or {"upTo": 3}: exactly one of the two, and nothing else.';
  const { ids, upTo } = fields(body, ['ids', 'upTo'], rule);
  if ((ids === undefined) === (upTo === undefined)) refuse(rule);
  if (ids === undefined) {
    if (!isId(upTo)) refuse('upTo must be an id: a whole number of at most 15 digits.');
    return { upTo };
  }
  if (!Array.isArray(ids) || ids.length < 1 || ids.length > MAX_IDS || !ids.every(isId)) {
    refuse('ids must be a list of 1 to 1,000 ids, each a whole number of at most 15 digits.');
  }
  return ids;
}

/**
 * Where the client of a stream left off. The header wins: EventSource sends it, once it has an id, to the same URL with
 * the parameter of long ago. Never an error, since EventSource doesn't retry those: the stream itself says `reset`.
 */
export function parseLastEventId(request: HttpRequest): string | undefined {
  for (const value of [request.headers['last-event-id'], queryParameter(request, 'lastEventId')]) {
    // WHATWG's last event ID is the empty string until there is one.
    if (value === undefined || value === '') continue;
    return typeof value === 'string' ? value : MALFORMED;
  }
  return undefined;
}

function fields(body: unknown, allowed: string[], rule: string): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) refuse(rule);
  if (Object.keys(body).some((key) => !allowed.includes(key))) refuse(rule);
  return body as Record<string, unknown>;
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ID;
}

function matches(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

function refuse(message: string): never {
  throw new BadRequestException(message);
}
