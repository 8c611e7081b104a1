import { BadRequestException, NotFoundException } from '@nestjs/common';
import fc from 'fast-check';
import {
  parseId,
  parseLastEventId,
  parseListQuery,
  parseReadFlag,
  parseReadTarget,
} from '../../../src/notifications/http/requests.js';
import { LIMITS } from '../../../src/notifications/payload.js';
import { formatCursor, parseCursor } from '../../../src/notifications/stream/cursor.js';
import { expect } from '../expect.js';
import { json, mutated, spoiled, text } from '../foreign.js';
import { pureTarget } from '../target.js';

const MAX_ID = 999_999_999_999_999;
const isId = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ID;

const digits = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 17n }).map(String), mutated(fc.nat().map(String)), text(20));

/** What it answers; undefined if it refuses. */
function answer<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof BadRequestException || error instanceof NotFoundException) return undefined;
    throw error;
  }
}

export const cursorTarget = pureTarget(
  'cursors and ids',
  15_000,
  fc.property(fc.option(fc.oneof(digits, fc.array(digits))), fc.option(fc.oneof(digits, json())), (header, query) => {
    const request = {
      headers: { 'last-event-id': header ?? undefined },
      query: { lastEventId: query ?? undefined },
      url: '/',
    };
    const given = parseLastEventId(request as never);
    const cursor = parseCursor(given);
    expect(cursor === undefined || cursor === null || isId(cursor), 'a cursor', given, cursor);
    expect(Object.is(parseCursor(formatCursor(cursor)), cursor), 'as it was', cursor);
    expect(/^(\d{1,15}|malformed)?$/.test(formatCursor(cursor)), 'never what was sent', given);
    const id = answer(() => parseId(query));
    expect(id === undefined || (isId(id) && typeof query === 'string' && BigInt(query) === BigInt(id)), 'an id', query);
  }),
);

const query = spoiled(
  fc.record(
    { limit: digits, before: digits, unread: fc.constantFrom('true', 'false', '1'), type: text(102) },
    { requiredKeys: [] },
  ),
);
const body = fc.oneof(
  spoiled(
    fc.oneof(
      fc.record({ read: fc.boolean() }),
      fc.record({ ids: fc.array(fc.integer()) }),
      fc.record({ upTo: fc.integer() }),
    ),
  ),
  json(['read', 'ids', 'upTo']),
);

export const requestsTarget = pureTarget(
  'REST queries and bodies',
  3_000,
  fc.property(query, body, (query, body) => {
    const list = answer(() => parseListQuery(query));
    if (list) {
      const { limit = 1, before = 0, unread = false, type = 'x', ...more } = list;
      expect(Number.isInteger(limit) && limit >= 1 && limit <= 100 && isId(before), 'limit, before', list);
      expect(typeof unread === 'boolean' && Object.keys(more).length === 0, 'unread', list);
      expect(
        type.length > 0 && [...type].length <= LIMITS.type && !type.includes('\0') && type.isWellFormed(),
        'type',
        list,
      );
    }
    const flag = answer(() => parseReadFlag(body));
    expect(flag === undefined || flag === (body as { read: unknown }).read, 'read', body);
    const target = answer(() => parseReadTarget(body));
    if (Array.isArray(target)) expect(target.length > 0 && target.length <= 1_000 && target.every(isId), 'ids', body);
    else expect(target === undefined || isId(target.upTo), 'upTo', body);
  }),
);
