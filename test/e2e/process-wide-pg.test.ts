import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { BrokerFactory } from '../../src/notifications/index.js';
import { postgresBroker } from '../../src/notifications/index.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { NO_SWEEP, startInstances } from '../support/instances.js';

const { BOOL, INT2, INT4, INT8, OID, FLOAT4, FLOAT8, NUMERIC, JSON: JSON_OID, JSONB } = pg.types.builtins;
const { TIMESTAMPTZ, UUID, VARCHAR } = pg.types.builtins;
const INT8_ARRAY = 1016 as typeof INT8;

/** What a host sets for its whole process, at the top of main.ts. */
const SETTINGS: [what: string, set: () => void][] = [
  ['int4 as BigInt', () => pg.types.setTypeParser(INT4, BigInt)],
  ['bool as text', () => pg.types.setTypeParser(BOOL, (text) => text)],
  ['int8 as a number', () => Object.assign(pg.defaults, { parseInt8: true })],
  [
    'a parser of its own for each type that is no text',
    () => {
      for (const oid of [BOOL, INT2, INT4, INT8, OID, FLOAT4, FLOAT8, NUMERIC, JSON_OID, JSONB, TIMESTAMPTZ, UUID]) {
        pg.types.setTypeParser(oid, (text) => ({ theirs: text }));
      }
      for (const oid of [INT8_ARRAY, VARCHAR]) pg.types.setTypeParser(oid, (text) => ({ theirs: text }));
    },
  ],
  ['binary answers', () => Object.assign(pg.defaults, { binary: true })],
  [
    'timeouts and an encoding',
    () =>
      Object.assign(pg.defaults, {
        statement_timeout: 900,
        lock_timeout: 900,
        query_timeout: 900,
        client_encoding: 'latin1',
      }),
  ],
];

describe('What a host sets for pg as a whole is not ours', () => {
  let database: TestDatabase;
  const defaults = { ...pg.defaults };
  const parsers = new Map(
    [...Object.values(pg.types.builtins), INT8_ARRAY].map((oid) => [oid, pg.types.getTypeParser(oid, 'text')]),
  );

  const reset = () => {
    Object.assign(pg.defaults, defaults);
    for (const [oid, parse] of parsers) pg.types.setTypeParser(oid, parse);
  };

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });
  afterEach(reset);
  afterAll(() => database.drop());

  test.each(SETTINGS)('%s: streams, changes and instances work as ever', async (_, set) => {
    set();
    const instances = await startInstances(database, 2, NO_SWEEP);
    try {
      const [one, other] = instances as [(typeof instances)[0], (typeof instances)[0]];
      const recipient = `of ${_}`;
      const content = { type: 't', title: '好' };
      await one.notifications.notify(recipient, content, { idempotencyKey: recipient });
      const again = await other.notifications.notify(recipient, content, { idempotencyKey: recipient });
      expect(again.status).toBe('duplicate');
      await one.notifications.notify(recipient, { ...content, data: { n: 1 } });
      const { items, ...numbers } = await other.notifications.list(recipient);
      expect(items).toMatchObject([
        { id: 2, title: '好', data: { n: 1 }, read: false },
        { id: 1, title: '好', read: false },
      ]);
      expect(Date.parse(items[0]?.createdAt as string)).toBeGreaterThan(0);
      expect(numbers).toMatchObject({ lastId: 2, unread: 2, nextBefore: null });
      expect(await one.notifications.markRead(recipient, [1])).toMatchObject({ found: 1, unread: 1 });
      expect(await one.notifications.totalConnections()).toEqual(expect.any(Number));
      const [row] = await one.own.query(
        `SELECT current_setting('statement_timeout') AS timeout, '{1,NULL}'::int8[] AS ids`,
      );
      expect(row).toEqual({ timeout: '30s', ids: ['1', null] });
    } finally {
      await Promise.all(instances.map((crm) => crm.close()));
    }
  });

  test('also where the broker connects to a URL of its own', async () => {
    Object.assign(pg.defaults, { query_timeout: 900, binary: true });
    const clients: pg.Client[] = [];
    class SeenClient extends pg.Client {
      constructor(config: pg.ClientConfig) {
        super({ ...config, password: config.password });
        clients.push(this);
      }
    }
    const broker: BrokerFactory = (context) =>
      postgresBroker({ url: database.url })({ ...context, postgres: { ...context.postgres, Client: SeenClient } });
    const instances = await startInstances(database, 2, { ...NO_SWEEP, broker });
    await Promise.all(instances.map((crm) => crm.close()));
    expect(clients).toHaveLength(4);
    for (const client of clients) {
      expect(client).toMatchObject({ binary: false, connectionParameters: { query_timeout: 40_000 } });
    }
  });
});
