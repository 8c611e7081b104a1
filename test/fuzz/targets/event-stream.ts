import fc from 'fast-check';
import { createInbox } from '../../../src/client/index.js';
import { FakeServer } from '../../client/support/fake-server.js';
import { expect } from '../expect.js';
import { FakeClock } from '../fake-clock.js';
import { json, mutated, spoiled, text } from '../foreign.js';
import { pureTarget } from '../target.js';

const EVENTS = ['ready', 'message', 'state', 'signal', 'reset', 'ping', 'close', 'error', 'unknown'];
const KEYS = ['id', 'lastId', 'unread', 'revision', 'heartbeatMs', 'retryMs', 'read', 'readUpTo', 'removed', 'title'];

const count = fc.oneof(
  fc.nat({ max: 3 }),
  fc.nat({ max: 3 }),
  fc.integer(),
  fc.constantFrom(1e15, 2 ** 53, -1, 0.5, 1e300),
);
const ids = fc.array(count, { maxLength: 4 });
const numbers = { lastId: count, unread: count, revision: count };
const withNumbers = (more: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ ...numbers, ...more }, { requiredKeys: ['lastId', 'unread', 'revision'] });
const createdAt = fc.oneof(fc.date().map(String), fc.constant('2026-01-01T00:00:00.000Z'));
const DATA: Record<string, fc.Arbitrary<object>> = {
  ready: withNumbers({ heartbeatMs: count, retryMs: count }),
  reset: fc.record(numbers),
  state: withNumbers({ read: ids, unreadIds: ids, removed: ids, readUpTo: count }),
  message: fc.record({
    ...{ id: count, type: text(5), title: text(5), body: fc.option(text(5)), url: fc.option(text(5)) },
    ...{ data: fc.constant({}), createdAt, read: fc.boolean() },
  }),
  signal: fc.record({ type: text(5), data: json() }),
  ping: fc.constant({}),
  close: fc.record({ reason: text(5), reconnect: fc.boolean() }),
};
const anyData = fc.oneof(...Object.values(DATA));
const written = (data: fc.Arbitrary<unknown>) => data.map((value) => JSON.stringify(value));
const known = fc.oneof(
  ...Object.entries(DATA).map(([event, data]) => fc.record({ event: fc.constant(event), data: written(data) })),
);
/** Of another time: a database that was set back. */
const small = fc.nat({ max: 3 });
const earlier = fc.record({
  event: fc.constantFrom('ready', 'state', 'reset'),
  data: written(fc.record({ lastId: small, unread: small, revision: small })),
});
const foreign = fc.record({
  event: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...EVENTS) }, { weight: 1, arbitrary: text(8) }),
  data: fc.oneof(
    { weight: 2, arbitrary: written(spoiled(anyData)) },
    { weight: 2, arbitrary: mutated(written(anyData)) },
    { weight: 1, arbitrary: written(json(KEYS)) },
    { weight: 1, arbitrary: text() },
  ),
});
const frame = fc
  .tuple(
    fc.oneof(known, foreign, earlier),
    fc.record({ id: fc.oneof(fc.nat().map(String), text(8)), passes: fc.constantFrom(0, 0, 10, 4_000) }),
  )
  .map(([event, rest]) => ({ ...event, ...rest }));

/** What is plausible and of the right form nobody could tell from the truth: such as the very id that comes next. */
function isNoLie({ data }: { data: string }): boolean {
  const number = (name: string) => Number(new RegExp(`"${name}":\\s*(\\d+)`).exec(data)?.[1] ?? 0);
  const isPlausible = (id: number) => id > 3 && id < 1_000;
  return !isPlausible(number('id')) && !isPlausible(number('lastId') + number('revision'));
}

/**
 * What a stream may bring to the browser: the client throws nothing, shows nothing that is no notification, storms nobody,
 * and is right again once it has connected to a server that makes sense.
 */
export const eventStreamTarget = pureTarget(
  'event streams in the client',
  500,
  fc.asyncProperty(fc.array(frame.filter(isNoLie), { minLength: 1, maxLength: 6 }), async (frames) => {
    const clock = new FakeClock();
    try {
      const server = new FakeServer();
      for (let i = 0; i < 3; i++) server.notify();
      const { url, fetch, EventSource: eventSource } = server;
      // A storm must end for somebody to count it.
      server.intercept = () => {
        if (server.requests.length > 2_000) throw new Error('a storm');
        return undefined;
      };
      const inbox = createInbox({ url, token: () => 't', fetch, eventSource, pageSize: 5 });
      await clock.pass(0);
      expect(inbox.getState().status === 'live', 'live', inbox.getState());
      for (const { event, data, id, passes } of frames) {
        for (const stream of [...server.streams]) stream.dispatch(event, data, id);
        expectShown(inbox.getState());
        await clock.pass(passes);
        expectShown(inbox.getState());
      }
      // Two attempts a second at most, on average, and three requests for each.
      const most = 20 + frames.reduce((sum, { passes }) => sum + passes, 0) / 150 + 5 * frames.length;
      expect(server.requests.length <= most, 'no storm', server.requests.length, most);

      server.notify('the last');
      server.drop();
      inbox.open();
      const isRight = () => {
        const { status, items, unread } = inbox.getState();
        return (
          status === 'live' &&
          unread === server.numbers.unread &&
          JSON.stringify(items) === JSON.stringify(server.items)
        );
      };
      for (let waited = 0; waited < 300 && !isRight(); waited++) await clock.pass(1_000);
      expect(isRight(), 'right again', inbox.getState(), server.numbers);
      const { length } = server.requests;
      expect(length < 500, 'no storm on the way back', length);
      for (let i = 0; i < 10; i++) await clock.pass(100);
      expect(server.requests.length <= length + 5, 'asks for nothing more', server.requests.length - length);
      inbox.close();
      await clock.pass(0);
      expect(clock.errors.length === 0, 'nothing is thrown', clock.errors.map(String));
      expect(clock.pending === 0, 'nothing goes on', clock.pending);
    } finally {
      clock.restore();
    }
  }),
);

function expectShown({ items, unread }: { items: readonly object[]; unread: number }): void {
  expect(Number.isSafeInteger(unread) && unread >= 0, 'a count', unread);
  let last = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const { id, type, title, body, url, createdAt, read, data } = item as Record<string, unknown>;
    expect(Number.isSafeInteger(id) && (id as number) < last && (id as number) > 0, 'newest first, each once', item);
    last = id as number;
    expect(
      [type, title, createdAt].every((each) => typeof each === 'string'),
      'texts',
      item,
    );
    expect(
      [body, url].every((each) => each == null || typeof each === 'string'),
      'body, url',
      item,
    );
    expect(!Number.isNaN(Date.parse(createdAt as string)) && typeof read === 'boolean', 'time, read', item);
    expect(data == null || typeof data === 'object', 'data', item);
  }
}
