import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { blocks } from '../support/documents.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

/** A million recipients are read and checked; what a trigger refuses is tried five times. */
const PATIENCE = { timeoutMs: 60_000 };

/** The examples of docs/plain-sql.md, in its order. */
const EXAMPLES = blocks(['docs/plain-sql.md']).map(({ code }) => code);

describe('Plain SQL', () => {
  let database: TestDatabase;
  let crm: CrmApp;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database);
    // Each parked row is logged as an error: dozens of them here, all on purpose.
    Logger.overrideLogger(false);
  });
  afterEach(() => database.query('TRUNCATE notifications.outbox'));
  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  const send = (payload: unknown, deliverAt: string | null = null) =>
    database.query<{ pos: string }>(
      'INSERT INTO notifications.outbox (payload, deliver_at) VALUES ($1, $2::timestamptz) RETURNING pos',
      [JSON.stringify(payload), deliverAt],
    );
  const titles = async (recipient: string, tenant = '') =>
    (await crm.notifications.list({ tenant, id: recipient }, { limit: 100 })).items.map(({ title }) => title);
  const parked = async (count: number) =>
    await eventually(async () => {
      const rows = await crm.parked.list();
      expect(rows).toHaveLength(count);
      return rows;
    }, PATIENCE);

  describe('as docs/plain-sql.md has it', () => {
    test('one, many, everybody, later and once', async () => {
      const [one, many, everybody, later] = EXAMPLES as [string, string, string, string];
      await database.query(`CREATE TABLE team_member (team_id int, user_id text);
        INSERT INTO team_member VALUES (3, 'carol'), (3, 'dave'), (4, 'erin')`);
      await crm.notifications.unreadCount({ tenant: 'acme', id: 'frank' });
      const client = await StreamClient.open(crm.url, await accessToken('alice'));

      for (const example of [one, many, everybody, later]) await database.query(example);
      await client.until(() => client.of('message').length === 1);
      client.close();
      expect(client.of('message')[0]?.data).toMatchObject({
        type: 'deal.assigned',
        title: 'Acme is yours now',
        url: '/deals/7',
      });
      await eventually(async () => {
        expect(await titles('carol')).toEqual(['The team has reached its target']);
        expect(await titles('dave')).toEqual(['The team has reached its target']);
        expect(await titles('erin')).toEqual([]);
        expect(await titles('frank', 'acme')).toEqual(['Reports are unavailable until noon']);
      });

      // An hour later, after the job has run a second time.
      await database.query(later);
      expect(await titles('bob')).toEqual([]);
      await database.query(`UPDATE notifications.outbox SET deliver_at = deliver_at - interval '1 hour'`);
      await eventually(async () => expect(await titles('bob')).toEqual(['Call Acme']));
      await eventually(async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]));
      expect(await titles('bob')).toEqual(['Call Acme']);
    });

    test('the trigger notifies the new owner, if the change commits', async () => {
      const trigger = EXAMPLES[4] as string;
      await database.query('CREATE TABLE deal (id int PRIMARY KEY, name text, owner_id text, amount int)');
      await database.query(`INSERT INTO deal VALUES (7, 'Acme', NULL, 1), (8, 'Globex', 'gina', 1)`);
      await database.query(trigger);

      await database.query(`UPDATE deal SET owner_id = 'gina'`);
      await database.query('UPDATE deal SET amount = 2');
      await database.query('UPDATE deal SET owner_id = NULL WHERE id = 8');
      const lost = crm.dataSource.transaction(async (manager) => {
        await manager.query(`UPDATE deal SET owner_id = 'hugo'`);
        throw new Error('rolled back');
      });
      await expect(lost).rejects.toThrow('rolled back');
      await eventually(async () => {
        const { items } = await crm.notifications.list('gina');
        expect(items).toMatchObject([{ title: 'Acme is yours now', url: '/deals/7', data: { dealId: 7 } }]);
      });
      expect(await titles('hugo')).toEqual([]);
    });

    test('what is too long is parked, found, repaired and delivered', async () => {
      const [find, repair] = EXAMPLES.slice(-2) as [string, string];
      await send({ recipients: ['ivy'], type: 't', title: 'x'.repeat(301) });
      await parked(1);
      const [row] = await database.query(find);
      expect(row?.last_error).toMatch(/^title is too long: 300 characters are allowed/);
      await database.query(repair);
      await eventually(async () => expect(await titles('ivy')).toEqual(['x'.repeat(300)]));
      expect(await crm.parked.list()).toEqual([]);
    });
  });

  const good = { recipients: ['judy'], type: 't', title: 'behind' };
  const bad: [string, unknown, RegExp][] = [
    ...[null, 5, 'text', true, []].map((payload): [string, unknown, RegExp] => [
      JSON.stringify(payload),
      payload,
      /^The payload must be a JSON object/,
    ]),
    ['no field at all', {}, /^recipients must be a list/],
    ['no recipients', { ...good, recipients: undefined }, /^recipients must be a list/],
    ['recipients that are null, as jsonb_agg() of no rows is', { ...good, recipients: null }, /^recipients must be/],
    ['an empty list', { ...good, recipients: [] }, /^recipients must be a list of at least one/],
    ['a recipient that is a number', { ...good, recipients: ['judy', 5] }, /^recipient must be a string, not a number/],
    ['a recipient with a line break', { ...good, recipients: ['a\r\nb'] }, /^recipient must not contain control/],
    ['a recipient that is too long', { ...good, recipients: ['x'.repeat(256)] }, /^recipient is too long/],
    ['a broadcast with recipients', { ...good, kind: 'broadcast' }, /^recipients must be left out of a broadcast/],
    ['an id that is none', { ...good, id: '5' }, /^id must be a UUID/],
    ['a title that is a number', { ...good, title: 5 }, /^title must be a string, not a number/],
    ['a title that is missing', { ...good, title: undefined }, /^title must be a string, not undefined/],
    ['a type that is too long', { ...good, type: 'x'.repeat(101) }, /^type is too long/],
    ['a body that is too long', { ...good, body: 'x'.repeat(10_001) }, /^body is too long: 10,000 characters/],
    ['a url that is a script', { ...good, url: 'javascript:alert(1)' }, /^url must be an http\(s\) URL/],
    ['a url of another site', { ...good, url: '//evil.example' }, /^url must be an http\(s\) URL/],
    ['data that is a list', { ...good, data: [1] }, /^data must be a JSON object, not an array/],
    ['data that is too large', { ...good, data: { a: 'x'.repeat(16_384) } }, /^data has 16392 bytes as JSON/],
    ['a tenant that is null', { ...good, tenant: null }, /^tenant must be a string/],
    ['a key that is empty', { ...good, idempotencyKey: '' }, /^idempotencyKey must not be empty/],
    ['a date that is none', { ...good, expiresAt: 'tomorrow' }, /^expiresAt must be a Date or an ISO 8601/],
    ['a date without an offset', { ...good, expiresAt: '2030-01-31T09:00:00' }, /^expiresAt must be/],
    ['a day that is none', { ...good, expiresAt: '2030-02-30T09:00:00Z' }, /^expiresAt must be/],
    ['a date that only Postgres refuses', { ...good, expiresAt: '2030-01-31T09:00:00+23:00' }, /displacement/],
    ['continues that is no boolean', { ...good, continues: 'yes' }, /^continues must be true or false/],
  ];

  test('bad payloads of every kind are parked with the reason, and stop nothing behind them', async () => {
    const before = (await crm.notifications.unreadCount('judy')).lastId;
    for (const [, payload] of bad) await send(payload);
    await send(good);

    await eventually(async () => expect((await crm.notifications.unreadCount('judy')).lastId).toBe(before + 1));
    const rows = await parked(bad.length);
    expect(rows.map(({ error }) => error)).toEqual(bad.map(([, , says]) => expect.stringMatching(says)));
    expect(rows.map(({ payload }) => payload)).toEqual(bad.map(([, payload]) => JSON.parse(JSON.stringify(payload))));
    expect(rows[0]?.createdAt).toBeInstanceOf(Date);
    const attempts = await database.query('SELECT DISTINCT attempts FROM notifications.outbox');
    expect(attempts).toEqual([{ attempts: 5 }]);
  });

  test('payloads of extreme size are parked, and stop nothing behind them', async () => {
    const withData = (data: string) =>
      `('{"recipients":["judy"],"type":"t","title":"T","data":' || ${data} || '}')::jsonb`;
    const digits = `'0.' || repeat('1', 16000)`;
    const extreme: [string, RegExp][] = [
      [
        `jsonb_build_object('recipients', (SELECT jsonb_agg(i::text) FROM generate_series(1, 1000000) i))`,
        /^recipients has 1000000 ids/,
      ],
      [
        `jsonb_build_object('recipients', '["judy"]'::jsonb, 'type', 't', 'title', repeat('x', 5000000))`,
        /^title is too long/,
      ],
      [withData(`repeat('{"a":', 1000) || '1' || repeat('}', 1000)`), /^data is nested deeper than 64 levels/],
      [withData(`'{"a":1e400}'`), /^data.a is Infinity, which JSON cannot carry/],
      [withData(`'{"a":[' || ${digits} || ',' || ${digits} || ',' || ${digits} || ']}'`), /message_data_check/],
    ];
    const before = (await crm.notifications.unreadCount('judy')).lastId;
    const values = extreme.map(([payload]) => `(${payload})`);
    await database.query(`INSERT INTO notifications.outbox (payload) VALUES ${values.join(', ')}`);
    await send(good);

    await eventually(async () => {
      expect((await crm.notifications.unreadCount('judy')).lastId).toBe(before + 1);
      const rows = await database.query('SELECT last_error FROM notifications.outbox WHERE attempts = 5 ORDER BY pos');
      expect(rows).toEqual(extreme.map(([, says]) => ({ last_error: expect.stringMatching(says) })));
    }, PATIENCE);
  }, 90_000);

  test('a small row that would be a hundred megabytes as text is refused by its INSERT', async () => {
    const numbers = `SELECT jsonb_agg('1e131071'::jsonb) FROM generate_series(1, 1000)`;
    const insert = database.query(
      `INSERT INTO notifications.outbox (payload) VALUES (jsonb_build_object('a', (${numbers})))`,
    );
    await expect(insert).rejects.toMatchObject({ code: '23514', constraint: 'outbox_payload_size' });
  });

  test('an operator lists, repairs, retries and discards what is parked', async () => {
    await send({ ...good, recipients: ['kate'], title: '' });
    await send({ ...good, recipients: ['kate'], url: 'deals/7' });
    await send({ ...good, recipients: ['kate'], data: [] });
    const [first, second, third] = await parked(3);
    const positions = [first, second, third].map((row) => row?.pos as number);
    expect((await crm.parked.list({ limit: 1 })).map(({ pos }) => pos)).toEqual(positions.slice(0, 1));
    expect((await crm.parked.list({ after: positions[0] })).map(({ pos }) => pos)).toEqual(positions.slice(1));

    const repair = `UPDATE notifications.outbox SET payload = payload || '{"title": "repaired"}' WHERE pos = $1`;
    await database.query(repair, [positions[0]]);
    expect(await crm.parked.retry(positions.slice(0, 2))).toBe(2);
    await eventually(async () => expect(await titles('kate')).toEqual(['repaired']));
    // What wasn't repaired is parked again.
    expect((await parked(2)).map(({ pos }) => pos)).toEqual(positions.slice(1));
    expect(await crm.parked.discard([...positions, 999_999])).toBe(2);
    expect(await crm.parked.list()).toEqual([]);
    expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]);
  });

  test('retry() and discard() leave rows alone that are not parked', async () => {
    const [row] = await send(good, '2999-01-01T00:00:00Z');
    expect(await crm.parked.retry([Number(row?.pos)])).toBe(0);
    expect(await crm.parked.discard([Number(row?.pos)])).toBe(0);
    expect(await database.query('SELECT FROM notifications.outbox')).toHaveLength(1);
  });

  test('what a trigger of the host refuses is parked like anything else', async () => {
    await database.query(`
      CREATE FUNCTION no_spam() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.title = 'spam' THEN RAISE EXCEPTION 'no spam here'; END IF; RETURN NEW; END $$`);
    await database.query(
      'CREATE TRIGGER no_spam BEFORE INSERT ON notifications.message FOR EACH ROW EXECUTE FUNCTION no_spam()',
    );
    await send({ ...good, title: 'spam' });
    await send({ ...good, recipients: ['liam'] });
    await eventually(async () => expect(await titles('liam')).toEqual(['behind']));
    expect((await parked(1))[0]?.error).toBe('no spam here');
  });

  const unknown: [string, object, RegExp, RegExp][] = [
    [
      'field',
      { ...good, titel: 'x' },
      /doesn't know the field "titel"/,
      /^titel is not a field of a notification; those/,
    ],
    [
      'kind',
      { ...good, kind: 'email' },
      /doesn't know the kind "email"/,
      /^kind must be 'notification' or 'broadcast'/,
    ],
    ['field that is huge', { ...good, ['k'.repeat(1_000_000)]: 1 }, /the field "k{50}"/, /^k{50} is not a field/],
  ];
  test.each(unknown)(
    'an unknown %s is left to a newer version for ten minutes, then parked',
    async (...row) => {
      const [, payload, waits, isParked] = row;
      const [sent] = await send(payload);
      await send({ ...good, recipients: ['mia'] });
      await eventually(async () => expect((await titles('mia')).length).toBeGreaterThan(0));
      const state = 'SELECT attempts, last_error FROM notifications.outbox WHERE pos = $1';
      await eventually(async () => {
        const rows = await database.query(state, [sent?.pos]);
        expect(rows).toEqual([{ attempts: 0, last_error: expect.stringMatching(waits) }]);
      });
      // A scheduled one waits from the moment at which it was due.
      await database.query(
        `UPDATE notifications.outbox SET created_at = now() - interval '2 hours', ready_at = now(), retry_at = now()`,
      );
      await eventually(async () => {
        const rows = await database.query(`${state} AND retry_at > now()`, [sent?.pos]);
        expect(rows).toMatchObject([{ attempts: 0 }]);
      });
      await database.query(
        `UPDATE notifications.outbox SET ready_at = now() - interval '11 minutes', retry_at = now()`,
      );
      expect((await parked(1))[0]?.error).toMatch(isParked);
    },
    90_000,
  );
});
