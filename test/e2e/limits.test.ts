import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Notification, NotificationsError } from '../../src/notifications/index.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { randomNotification, randomOptions } from '../support/random-notification.js';
import { refusal } from '../support/refusal.js';

const GOOD: Notification = { type: 'deal.assigned', title: 'Acme is yours now' };

function dataOf(bytes: number, filler = 'x'): object {
  const empty = Buffer.byteLength(JSON.stringify({ a: '' }));
  return { a: filler.repeat((bytes - empty) / Buffer.byteLength(filler)) };
}

function nested(levels: number): object {
  let value: object = {};
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
}

describe('What validation accepts, Postgres accepts', () => {
  let database: TestDatabase;
  let crm: CrmApp;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database);
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  test.each<[string, Partial<Notification>]>([
    ['type of 100 characters', { type: 'x'.repeat(100) }],
    ['type of 100 astral characters', { type: '🔔'.repeat(100) }],
    ['title of 300 characters', { title: '界'.repeat(300) }],
    ['title of 300 astral characters', { title: '🔔'.repeat(300) }],
    ['body of 10,000 characters', { body: 'x'.repeat(10_000) }],
    ['body of 10,000 astral characters', { body: '🔔'.repeat(10_000) }],
    ['body that is empty', { body: '' }],
    ['url of 2,048 characters', { url: `/${'x'.repeat(2_047)}` }],
    ['url of 2,048 characters to another site', { url: `https://example.com/${'x'.repeat(2_028)}` }],
    ['url of 2,048 astral characters', { url: `/${'🔔'.repeat(2_047)}` }],
    ...[
      '/',
      '/deals/1?a=b#c',
      '/a//b',
      '/交易/1',
      'HTTPS://example.com',
      'http://localhost:3000/x',
      'https://ü.example',
    ].map((url): [string, Partial<Notification>] => [`url ${url}`, { url }]),
    ['data of 16,384 bytes', { data: dataOf(16_384) }],
    ['data of 16,384 bytes of astral characters', { data: dataOf(16_384, '🔔') }],
    ['data of 64 levels', { data: nested(64) }],
    [
      'data of the shortest array elements, which Postgres prints with spaces',
      { data: { a: new Array(8_000).fill(1) } },
    ],
    [
      'data of numbers that Postgres writes out',
      { data: { a: [...new Array(50).fill(1e308), 5e-324, -0, 1e21, 1e-7] } },
    ],
    ['data of what JSON makes of it', { data: { at: new Date(0), gone: undefined, __proto__: { inherited: 1 } } }],
    [
      'data with keys that mean something elsewhere',
      { data: JSON.parse('{"__proto__":{"a":1},"constructor":1,"":2}') },
    ],
    [
      'text with all sorts of line ends and controls',
      { title: 'a\r\n\t\u0001\u2028\u2029\ufeff\ufffe\uffff', body: '\u0085' },
    ],
  ])('%s comes out as it went in', async (_name, fields) => {
    const sent = { ...GOOD, ...fields };
    expect((await crm.notifications.notify('ann', sent)).status).toBe('delivered');
    const { items } = await crm.notifications.list('ann', { limit: 1 });
    const { data = {}, ...rest } = sent;
    expect(items[0]).toMatchObject({ ...rest });
    expect(JSON.stringify(sorted(items[0]?.data))).toBe(JSON.stringify(sorted(JSON.parse(JSON.stringify(data)))));
  });

  test.each(['x'.repeat(255), '🔔'.repeat(255)])('ids, tenants and keys of 255 characters: %#', async (id) => {
    const options = { tenant: id, idempotencyKey: id };
    const first = await crm.notifications.notify(id, GOOD, options);
    expect(first.status).toBe('delivered');
    expect(await crm.notifications.notify(id, GOOD, options)).toEqual({ ...first, status: 'duplicate' });
    expect(await crm.notifications.unreadCount({ tenant: id, id })).toMatchObject({ lastId: 1, unread: 1 });
  });

  test('a recipient that is named several times gets it once', async () => {
    await crm.notifications.notify(['twice', 'once', 'twice', 'twice'], GOOD);
    for (const id of ['twice', 'once']) {
      expect(await crm.notifications.unreadCount(id)).toMatchObject({ lastId: 1, unread: 1 });
    }
  });

  test.each([
    ['of the first year', '0001-01-01T00:00:00Z'],
    ['of the last year', '9999-12-31T23:59:59.999999999Z'],
    ['with an offset', '2030-01-31T09:00+23:59'],
    ['of a leap day', new Date('2096-02-29T00:00:00Z')],
    ['of midnight, said the other way', '2030-01-31T24:00:00Z'],
  ])('a point in time %s', async (_name, moment) => {
    await expect(crm.notifications.notify('dates', GOOD, { expiresAt: moment })).resolves.toBeDefined();
    const rollback = crm.dataSource.transaction(async (manager) => {
      await crm.notifications.notify('dates', GOOD, { deliverAt: moment, manager });
      throw new Error('rolled back');
    });
    await expect(rollback).rejects.toThrow('rolled back');
  });

  test('600 random notifications are delivered as they are, or refused before Postgres sees them', async () => {
    const outcomes = { delivered: 0, refused: 0 };
    for (let seed = 1; seed <= 600; seed++) {
      const notification = randomNotification(seed);
      const options = randomOptions(seed);
      const recipient = `fuzz ${seed}`;
      try {
        await crm.notifications.notify(recipient, notification, options);
      } catch (error) {
        if (!(error instanceof NotificationsError) || error.code !== 'INVALID_ARGUMENT') {
          throw new Error(`Seed ${seed} passed validation: ${error}`, { cause: error });
        }
        outcomes.refused += 1;
        continue;
      }
      outcomes.delivered += 1;
      const { items } = await crm.notifications.list({ tenant: options.tenant, id: recipient });
      const { data = {}, body = null, url = null, ...rest } = notification;
      expect(items).toMatchObject([{ ...rest, body, url }]);
      expect(sorted(items[0]?.data)).toEqual(sorted(JSON.parse(JSON.stringify(data))));
    }
    // Both happen often, or the generator has lost its point.
    expect(Math.min(outcomes.delivered, outcomes.refused)).toBeGreaterThan(100);
  }, 60_000);

  test('what was checked is what is stored, whatever toJSON() answers the next time', async () => {
    let calls = 0;
    const data = { toJSON: () => (calls++ === 0 ? { good: true } : { bad: 'x'.repeat(20_000) }) };
    await crm.notifications.notify('changing', { ...GOOD, data });
    const { items } = await crm.notifications.list('changing');
    expect(items[0]?.data).toEqual({ good: true });
  });

  test('of 50 calls at once only the one that Postgres refuses fails, for its own caller', async () => {
    await database.query(`ALTER TABLE notifications.message ADD CONSTRAINT only_here CHECK (title <> 'refuse me')`);
    const titles = Array.from({ length: 50 }, (_, i) => (i === 25 ? 'refuse me' : `title ${i}`));
    const results = await Promise.allSettled(
      titles.map((title) => crm.notifications.notify('fifty', { ...GOOD, title })),
    );

    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(49);
    const refused = results[25] as PromiseRejectedResult;
    const { message, cause } = await refusal(() => Promise.reject(refused.reason), 'REJECTED_BY_DATABASE');
    expect(message).toMatch(/^Postgres refused the notification: .*only_here/);
    expect(cause).toMatchObject({ code: '23514' });

    const { items, lastId } = await crm.notifications.list('fifty', { limit: 100 });
    expect(lastId).toBe(49);
    expect(items.map(({ title }) => title).sort()).toEqual(titles.filter((title) => title !== 'refuse me').sort());
  });
});

describe('What plain SQL puts into message harms no client', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });
  afterAll(() => database.drop());

  test.each([
    ['url', ['javascript:alert(1)', ' javascript:alert(1)', '//evil.example', '/\\evil.example', '/\t/evil.example']],
    ['url', ['/\n/evil.example', 'https:/evil.example', 'https:///evil.example', '', 'deals', 'data:text/html,x']],
    [
      'url',
      ['/ok\njavascript:alert(1)', 'javascript:x\nhttps://ok.example', `/${'x'.repeat(2_048)}`, '\\\\evil.example'],
    ],
    ['title', ['', 'x'.repeat(301)]],
    ['type', ['', 'x'.repeat(101)]],
    ['body', ['x'.repeat(10_001)]],
    ['data', ['5', '[]', '"x"', 'null', JSON.stringify({ a: 'x'.repeat(32_768) })]],
    ['tenant_id', ['x'.repeat(256)]],
    ['idempotency_key', ['', 'x'.repeat(256)]],
  ])('%s: %j', async (column, values) => {
    const row = { type: 't', title: 'T' };
    for (const value of values) {
      const given = { ...row, [column]: value };
      const names = Object.keys(given);
      const sql = `INSERT INTO notifications.message (${names}) VALUES (${names.map((_, i) => `$${i + 1}`)})`;
      await expect(database.query(sql, Object.values(given))).rejects.toMatchObject({ code: '23514' });
    }
    expect(await database.query('SELECT * FROM notifications.message')).toEqual([]);
  });
});

/** jsonb keeps no order of keys. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, member]) => [key, sorted(member)]);
}
