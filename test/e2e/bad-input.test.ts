import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Notification, NotificationService, Recipient } from '../../src/notifications/index.js';
import { BAD_FIELDS, BAD_IDS, BAD_NOTIFICATIONS, BAD_OPTIONS, type BadCase } from '../support/bad-notifications.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { refusal, takeStoredRows } from '../support/refusal.js';

const NO_LIST = /^recipients must be a list of at least one recipient id/;
const GOOD: Notification = { type: 'deal.assigned', title: 'Acme is yours now' };

/** What only JavaScript can get past the compiler. */
// biome-ignore lint/suspicious/noExplicitAny: these tests pass what the types forbid
type Anything = any;

describe('Bad input is refused with a typed error, before anything is stored', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let service: NotificationService;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database);
    service = crm.notifications;
  });

  afterEach(async () => {
    expect(await takeStoredRows(database)).toEqual({});
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  const notify = (notification: Anything, options?: Anything) => () => service.notify('ann', notification, options);
  const broadcast = (notification: Anything, options?: Anything) => () => service.broadcast(notification, options);
  const inTransaction = (notification: Anything, options?: Anything) => () =>
    crm.dataSource.transaction(async (manager) => {
      const sent = service.notify('ann', notification, options && { ...options, manager });
      // The host's transaction is as good as before: what was refused never reached it.
      await expect(sent).rejects.toThrow();
      expect(await manager.query('SELECT 1 AS alive')).toEqual([{ alive: 1 }]);
      await sent;
    });

  describe.each([
    ['notify()', notify],
    ['broadcast()', broadcast],
    ['notify() in a transaction', inTransaction],
  ])('%s refuses', (_name, send) => {
    test.each(BAD_FIELDS)('%s', async (_description, fields, says) => {
      // Descriptors, not values: a getter that throws is one of the cases.
      const given = Object.defineProperties({ ...GOOD }, Object.getOwnPropertyDescriptors(fields));
      expect((await refusal(send(given, {}), 'INVALID_ARGUMENT')).message).toMatch(says);
    });
  });

  describe.each([
    ['notify()', notify],
    ['broadcast()', broadcast],
  ])('%s refuses', (_name, send) => {
    test.each(BAD_NOTIFICATIONS)('%s', async (_description, given, says) => {
      expect((await refusal(send(given), 'INVALID_ARGUMENT')).message).toMatch(says);
    });

    test.each(BAD_OPTIONS)('%s', async (_description, given, says) => {
      expect((await refusal(send(GOOD, given), 'INVALID_ARGUMENT')).message).toMatch(says);
    });
  });

  describe('notify() to', () => {
    const list = Array.from({ length: 100_001 }, (_, i) => `r${i}`);
    const unreadable = new Proxy(['ann'], { get: () => JSON.parse('not JSON') });

    test.each<BadCase>([
      ...BAD_IDS.map(([description, id, says]): BadCase => [description, id, typeof id === 'string' ? says : NO_LIST]),
      ...BAD_IDS.map(([description, id, says]): BadCase => [`a list with ${description}`, ['ann', id, 'bob'], says]),
      ['a list with a hole', new Array(1), /^recipient must be a string/],
      ['no recipient', [], NO_LIST],
      ['100,001 recipients', list, /^recipients has 100001 ids; 100,000 are allowed. Split the call, or use broadcast/],
      ['a Set', new Set(['ann']), NO_LIST],
      ['a list that throws', unreadable, /^recipients cannot be read/],
    ])('%s is refused', async (_description, to, says) => {
      expect((await refusal(() => service.notify(to as Anything, GOOD), 'INVALID_ARGUMENT')).message).toMatch(says);
    });
  });

  const inboxMethods: [string, (recipient: Recipient) => unknown][] = [
    ['list', (recipient) => service.list(recipient)],
    ['unreadCount', (recipient) => service.unreadCount(recipient)],
    ['markRead', (recipient) => service.markRead(recipient, [1])],
    ['markRead up to', (recipient) => service.markRead(recipient, { upTo: 1 })],
    ['markUnread', (recipient) => service.markUnread(recipient, [1])],
    ['remove', (recipient) => service.remove(recipient, [1])],
    ['stream', (recipient) => service.stream(recipient)],
    ['disconnect', (recipient) => service.disconnect(recipient)],
    ['streamsValidFrom', (recipient) => service.streamsValidFrom(recipient)],
    ['connections', (recipient) => service.connections(recipient)],
  ];

  describe.each(inboxMethods)('%s() of', (name, call) => {
    const everybody = name === 'connections';
    const ids = BAD_IDS.filter(([, id]) => !(everybody && id === undefined));
    const throwing = Object.defineProperty({}, 'id', { get: () => JSON.parse('not JSON') });

    test.each<BadCase>([
      ...ids,
      ...BAD_IDS.map(([description, id, says]): BadCase => [`an object with ${description}`, { id }, says]),
      ['a list', ['ann'], /^recipient must be a string/],
      ['a tenant that is no string', { id: 'ann', tenant: 5 }, /^tenant must be a string/],
      ['a tenant that is null', { id: 'ann', tenant: null }, /^tenant must be a string/],
      ['a tenant that is too long', { id: 'ann', tenant: 'x'.repeat(256) }, /^tenant is too long/],
      ['a tenant with a line break', { id: 'ann', tenant: 'a\r\nb' }, /^tenant must not contain control characters/],
      ['a getter that throws', throwing, /^recipient cannot be read/],
    ])('%s is refused', async (_description, recipient, says) => {
      expect((await refusal(() => call(recipient as Anything), 'INVALID_ARGUMENT')).message).toMatch(says);
    });
  });

  const badIds: [string, Anything][] = [
    ...[undefined, null, 5, '1', true, Symbol('x'), {}, new Set([1])].map((value): [string, Anything] => [
      `${typeof value} ${String(value)}`,
      value,
    ]),
    ...[[], ['1'], [1, null], [1.5], [-1], [Number.NaN], [Infinity], [1n], [[1]], [1e15], new Array(3)].map(
      (value): [string, Anything] => [`the list ${String(value)}`, value],
    ),
    ['1,001 ids', Array.from({ length: 1_001 }, (_, i) => i + 1)],
    ['a Proxy that throws', new Proxy([1], { get: () => JSON.parse('not JSON') })],
  ];

  test.each(badIds)('markRead(), markUnread() and remove() refuse %s', async (_description, ids) => {
    for (const method of ['markRead', 'markUnread', 'remove'] as const) {
      const { message } = await refusal(() => service[method]('ann', ids), 'INVALID_ARGUMENT');
      expect(message).toMatch(/^ids (must be a list of 1 to 1,000 notification ids|cannot be read)/);
    }
  });

  test.each([undefined, null, '5', -1, 1.5, Number.NaN, 1e15, 5n, [5], {}])(
    'markRead() refuses upTo %p',
    async (upTo) => {
      const { message } = await refusal(() => service.markRead('ann', { upTo } as Anything), 'INVALID_ARGUMENT');
      expect(message).toMatch(/^upTo must be a notification id/);
    },
  );

  test.each<BadCase>([
    ...[null, 'x', 5, true].map((value): BadCase => [`${value}`, value, /^The query must be an object/]),
    ...['20', 0, 101, 1.5, null, Number.NaN].map((limit): BadCase => [`limit ${limit}`, { limit }, /^limit must be/]),
    ...['5', -1, 1.5, null, 1e15].map((before): BadCase => [`before ${before}`, { before }, /^before must be/]),
    ...['true', 1, null].map((unread): BadCase => [`unread ${unread}`, { unread }, /^unread must be/]),
    ...[5, null, 'a\0b', '\ud83d', 'x'.repeat(101), '🙂'.repeat(101)].map(
      (type): BadCase => [`type ${type}`, { type }, /^type must be/],
    ),
    ['an unknown field', { unraed: true }, /^unraed is not a field of a query; those are limit, before, unread, type/],
    ['a Proxy that throws', new Proxy({}, { get: () => JSON.parse('{') }), /^The query cannot be read/],
  ])('list() refuses the query %s', async (_description, query, says) => {
    expect((await refusal(() => service.list('ann', query as Anything), 'INVALID_ARGUMENT')).message).toMatch(says);
  });

  test.each<BadCase>([
    ...[null, 'x', 5].map((value): BadCase => [`${value}`, value, /^The options must be an object/]),
    ...[5, null, {}].map(
      (lastEventId): BadCase => [`lastEventId ${lastEventId}`, { lastEventId }, /^lastEventId must be/],
    ),
    ...['2030-01-01', 5, null, new Date(Number.NaN)].map(
      (expiresAt): BadCase => [`expiresAt ${expiresAt}`, { expiresAt }, /^expiresAt must be a valid Date/],
    ),
    ...['5', null, Number.NaN].map(
      (validFrom): BadCase => [`validFrom ${validFrom}`, { validFrom }, /^validFrom must be/],
    ),
    ['a response that is none', { response: {} }, /^response must be/],
  ])('stream() refuses the options %s', async (_description, options, says) => {
    const { message } = await refusal(() => service.stream('ann', options as Anything), 'INVALID_ARGUMENT');
    expect(message).toMatch(says);
    expect(service.connections()).toBe(0);
  });

  test.each([undefined, null, 5, '1', {}, ['1'], [1.5], [-1], [1, null], [1n]])(
    'ParkedNotifications refuses the positions %p',
    async (positions) => {
      for (const method of ['retry', 'discard'] as const) {
        const { message } = await refusal(() => crm.parked[method](positions as Anything), 'INVALID_ARGUMENT');
        expect(message).toMatch(/^positions must be a list of positions, as list\(\) gives them/);
      }
    },
  );

  test.each([{ limit: 0 }, { limit: 1_001 }, { limit: '5' }, { after: -1 }, { after: 'x' }, { after: 1.5 }])(
    'ParkedNotifications.list() refuses %p',
    async (query) => {
      await refusal(() => crm.parked.list(query as Anything), 'INVALID_ARGUMENT');
    },
  );
});
