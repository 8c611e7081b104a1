import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

/** Legal, all of them; each is another recipient. */
const TRICKY = [
  "'; DROP TABLE notifications.inbox; --",
  "' OR '1'='1",
  '$1',
  '%',
  '_',
  'a%',
  'a_',
  'ab',
  'AB',
  '\\',
  '\\\\',
  '"',
  '{"recipient":"ab"}',
  '["ab"]',
  '{ab,"x"}',
  '../ab',
  '/ab',
  'ab/',
  '%2e%2e%2fab',
  '%0d%0aevent: close',
  '\\r\\nid: 99',
  '__proto__',
  'constructor',
  'toString',
  'ab ',
  ' ab',
  'äb',
  'a\u0308b',
  '\u202eba',
  '🦊',
  '\u2028',
  'null',
  'NULL',
  'undefined',
  '0',
  '*',
  'x'.repeat(255),
  '好'.repeat(255),
];

describe('Isolation of streams', () => {
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

  async function open(recipient: string, tenant?: string): Promise<StreamClient> {
    return await StreamClient.open(crm.url, await accessToken(recipient, { tenant }));
  }

  /** Each stream has exactly what is marked as its own. */
  async function expectOwn(streams: { client: StreamClient; own: string }[]): Promise<void> {
    await Promise.all(streams.map(({ client }) => client.until(() => client.of('state').length === 1)));
    for (const { client, own } of streams) {
      expect(client.of('message').map(({ data }) => data.data.for)).toEqual([own]);
      expect(client.of('state')[0]?.data).toEqual({ lastId: 1, unread: 1, revision: 0 });
      client.close();
    }
  }

  test('recipient ids full of SQL, LIKE, JSON, path and CR/LF tricks get only their own', async () => {
    const streams = await Promise.all(TRICKY.map(async (own) => ({ own, client: await open(own) })));
    await Promise.all(
      TRICKY.map((own) => crm.notifications.notify(own, { type: 't', title: 'x', data: { for: own } })),
    );
    await expectOwn(streams);
    for (const own of TRICKY) expect(crm.notifications.connections(own)).toBeLessThanOrEqual(1);
  });

  test('the same recipient id in tenants with such names: only what their tenant sent, also of broadcasts', async () => {
    const tenants = TRICKY.map((name) => `${name.slice(0, 254)}!`);
    const streams = await Promise.all(tenants.map(async (own) => ({ own, client: await open('ann', own) })));
    const nobody = await open('ann');
    await Promise.all(
      tenants.map((tenant, i) => {
        const notification = { type: 't', title: 'x', data: { for: tenant } };
        return i % 2
          ? crm.notifications.notify('ann', notification, { tenant })
          : crm.notifications.broadcast(notification, { tenant });
      }),
    );
    await expectOwn(streams);
    await crm.notifications.notify('ann', { type: 't', title: 'x', data: { for: '' } });
    await expectOwn([{ client: nobody, own: '' }]);
  });

  test('tenant and recipient are not one string: what is split elsewhere is somebody else', async () => {
    const pairs = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['', 'abc'],
      ['abc', 'abc'],
    ] as const;
    const streams = await Promise.all(
      pairs.map(async ([tenant, id]) => ({ own: `${tenant}|${id}`, client: await open(id, tenant || undefined) })),
    );
    for (const [tenant, id] of pairs) {
      await crm.notifications.notify(id, { type: 't', title: 'x', data: { for: `${tenant}|${id}` } }, { tenant });
    }
    await expectOwn(streams);
  });

  test('a change, a disconnect and a cursor of one tenant do nothing to the same recipient of another', async () => {
    for (const tenant of ['acme', 'emca']) {
      for (let i = 0; i < 3; i++) await crm.notifications.notify('bob', { type: 't', title: tenant }, { tenant });
    }
    const [acme, emca] = [await open('bob', 'acme'), await open('bob', 'emca')];
    await crm.notifications.markRead({ tenant: 'acme', id: 'bob' }, { upTo: 3 });
    await crm.notifications.disconnect({ tenant: 'acme', id: 'bob' });
    await acme.until(() => acme.ended);
    await crm.notifications.notify('bob', { type: 't', title: 'emca' }, { tenant: 'emca' });
    await emca.until(() => emca.of('state').length === 1);
    expect(emca.of('state')[0]?.data).toEqual({ lastId: 4, unread: 4, revision: 0 });
    expect(emca.of('message').map(({ data }) => data.title)).toEqual(['emca']);
    emca.close();
  });
});
