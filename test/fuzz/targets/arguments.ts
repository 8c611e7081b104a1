import fc from 'fast-check';
import {
  idsOf,
  idsOrUpTo,
  keyOf,
  listQueryOf,
  messageOf,
  recipientsOf,
  signalsOf,
  streamOptionsOf,
} from '../../../src/notifications/arguments.js';
import { NotificationsError } from '../../../src/notifications/notifications.error.js';
import { LIMITS } from '../../../src/notifications/payload.js';
import { expect } from '../expect.js';
import { json, spoiled, text } from '../foreign.js';
import { pureTarget } from '../target.js';
import { accepted, payload } from './payload.js';

const MAX_ID = 999_999_999_999_999;

/** What JavaScript has beside JSON, and objects that do something when they are read. */
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  fc.constantFrom<unknown>(
    undefined,
    null,
    Symbol('s'),
    () => 1,
    Number.NaN,
    new Date(Number.NaN),
    Object.create(null),
  ),
  fc.constantFrom('get', 'ownKeys', 'has').map(
    (trap) =>
      new Proxy(
        {},
        {
          [trap]: (_: object, key?: unknown) => {
            // fast-check looks for symbols of its own.
            if (typeof key === 'symbol') return undefined;
            throw 'not an Error';
          },
        },
      ),
  ),
  json().map((value) => ({ toJSON: () => value })),
  fc.constant(null).map(() => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    return circle;
  }),
);

const content = fc.oneof(
  payload.map(({ type, title, body, url, data }) => ({ type, title, body, url, data })),
  spoiled(fc.record({ type: fc.constant('t'), title: fc.constant('T') })),
  fc.record({ type: hostile, title: hostile, body: hostile, url: hostile, data: hostile }, { requiredKeys: [] }),
  hostile,
);
const options = fc.oneof(
  fc.record(
    {
      tenant: fc.oneof(text(10), hostile),
      idempotencyKey: fc.oneof(text(10), hostile),
      deliverAt: fc.oneof(fc.date(), text(30), hostile),
      expiresAt: fc.oneof(fc.date(), text(30), hostile),
    },
    { requiredKeys: [] },
  ),
  hostile,
);
const ids = fc.oneof(
  fc.array(fc.oneof(fc.integer(), hostile)),
  fc.record({ upTo: fc.oneof(fc.integer(), hostile) }),
  hostile,
);

/** What it answers; undefined if it refuses what a caller has given, by the one error that it may throw. */
function answer<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    expect(
      error instanceof NotificationsError && error.code === 'INVALID_ARGUMENT',
      'INVALID_ARGUMENT',
      String((error as Error)?.stack),
    );
    return undefined;
  }
}

export const argumentsTarget = pureTarget(
  'arguments of the service',
  500,
  fc.property(content, options, hostile, ids, (content, options, anything, ids) => {
    const message = answer(() => messageOf(content as never, options as never));
    const recipients = answer(() => recipientsOf(anything as never));
    if (message && recipients) accepted({ ...message.content, recipients });
    for (const time of [message?.deliverAt, message?.content.expiresAt]) {
      expect(time === undefined || /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(time), 'a time in UTC', time);
    }
    for (const signal of answer(() => signalsOf('t', content, {}, anything as never)) ?? []) {
      expect(Buffer.byteLength(signal.signal) <= LIMITS.signalBytes + 100, 'a small signal');
      JSON.parse(signal.signal);
    }
    const key = answer(() => keyOf(anything as never));
    expect(!key || (key.recipient.length > 0 && key.recipient.isWellFormed() && key.tenant.isWellFormed()), 'a key');
    const isId = (id: number) => Number.isInteger(id) && id >= 0 && id <= MAX_ID;
    const some = answer(() => idsOf(ids));
    expect(!some || (some.length > 0 && some.length <= 1_000 && some.every(isId)), 'ids');
    const which = answer(() => idsOrUpTo(ids));
    expect(!which || ('upTo' in which ? isId(which.upTo) : which.ids.every(isId)), 'ids or upTo');
    answer(() => listQueryOf(anything as never));
    answer(() => streamOptionsOf(anything as never));
  }),
);
