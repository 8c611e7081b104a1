import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { inboxRows } from '../support/inbox-rows.js';
import { StreamClient } from '../support/stream-client.js';

const T = { type: 't', title: 'T' };

/** Ids that mean something to SQL, LIKE, arrays, JSON, paths, JavaScript, or that look like each other. */
const IDS = [
  ...[
    `' OR '1'='1`,
    `'; DROP SCHEMA notifications CASCADE; --`,
    '$1',
    '%',
    '_',
    'a_c',
    'abc',
    'a%',
    '*',
    '?',
    '\\',
    '\\x61',
  ],
  ...[
    '{a,b}',
    'a,b',
    'a',
    'b',
    '{}',
    'NULL',
    'null',
    'undefined',
    '""',
    '"',
    "''",
    '{"id":"a"}',
    '["a"]',
    'true',
    '0',
    '00',
  ],
  ...[
    '../a',
    'a/../b',
    '/',
    'a/b',
    '%2e%2e%2f',
    'a?b=c',
    'a#b',
    'a&recipient=b',
    'a:b',
    'a.b',
    '.',
    ' ',
    ' a',
    'a ',
    'A',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '<script>',
    '\u0024{a}',
    '{{a}}',
    'é',
    'e\u0301',
    'ß',
    'ss',
  ],
  ...['ａ', 'а', 'a\u200b', '\u202ea', 'İ', 'ı', '🔔', '\ufeffa', '\ufffe', '\uffff', 'x'.repeat(255)],
];

describe('Nobody sees or changes what is another’s', () => {
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

  async function rest(token: string, method: string, path: string, body?: object) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${crm.url}/notifications${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  }

  const state = async () => JSON.stringify(await inboxRows(database));

  test('ids and tenants full of tricks stay separate', async () => {
    const inboxes = IDS.flatMap((id) => [
      { tenant: '', id },
      { tenant: id, id: 'a' },
      ...(id === 'a' ? [] : [{ tenant: id, id }]),
    ]);
    const titleOf = ({ tenant, id }: { tenant: string; id: string }) =>
      `for ${JSON.stringify([tenant, id])}`.slice(0, 300);
    const watched = ['a', `' OR '1'='1`, '{a,b}', '__proto__', '🔔'];
    const streams = await Promise.all(
      watched.map(async (id) => StreamClient.open(crm.url, await accessToken(id, { tenant: id }))),
    );

    await Promise.all(
      inboxes.map((inbox) =>
        crm.notifications.notify(inbox.id, { ...T, title: titleOf(inbox) }, { tenant: inbox.tenant }),
      ),
    );
    for (const tenant of IDS)
      await crm.notifications.broadcast({ ...T, title: `to all of ${tenant}`.slice(0, 300) }, { tenant });

    for (const inbox of inboxes) {
      const { items, unread } = await crm.notifications.list(inbox);
      const everybody = inbox.tenant === '' ? [] : [`to all of ${inbox.tenant}`.slice(0, 300)];
      expect({ inbox, titles: items.map(({ title }) => title) }).toEqual({
        inbox,
        titles: [...everybody, titleOf(inbox)],
      });
      expect(unread).toBe(items.length);
    }
    for (const [i, stream] of streams.entries()) {
      const id = watched[i] as string;
      await stream.until(() => stream.ids.length === 2);
      const titles = stream.of('message').map(({ data }) => data.title);
      expect(titles).toEqual([titleOf({ tenant: id, id }), `to all of ${id}`]);
      expect(crm.notifications.connections({ tenant: id, id })).toBe(1);
      expect(crm.notifications.connections(id)).toBe(0);
      stream.close();
    }
  });

  test('what one marks or removes is nobody else’s, by the service', async () => {
    await crm.notifications.notify(['owner', 'eve'], T);
    await crm.notifications.notify(['owner', 'eve'], T, { tenant: 'x' });
    await crm.notifications.notify('owner', T);
    const ofOthers = async () =>
      (await inboxRows(database)).filter(({ tenant, recipient }) => !(tenant === '' && recipient === 'eve'));
    const before = await ofOthers();

    // Id 2 is in the owner's inbox only; 1 is in all of them.
    expect(await crm.notifications.markRead('eve', [2])).toMatchObject({ found: 0, revision: 0 });
    expect(await crm.notifications.remove('eve', [2])).toMatchObject({ found: 0, revision: 0 });
    for (const change of [
      () => crm.notifications.markRead('eve', [1, 2]),
      () => crm.notifications.markUnread('eve', [1, 2]),
      () => crm.notifications.markRead('eve', { upTo: 999_999_999_999_999 }),
      () => crm.notifications.remove('eve', [1, 2]),
      () => crm.notifications.disconnect('eve'),
    ]) {
      await change();
      expect(await ofOthers()).toEqual(before);
    }
  });

  test('nor does a guessed id reach anything over REST', async () => {
    await crm.notifications.notify('rich', { ...T, title: 'secret' });
    await crm.notifications.notify('rich', { ...T, title: 'secret' });
    await crm.notifications.notify('rich', { ...T, title: 'secret' }, { tenant: 'x' });
    const before = await state();
    for (const token of [await accessToken('poor'), await accessToken('rich', { tenant: 'other' })]) {
      for (const id of ['1', '2', '3', '999999999999999', '0']) {
        expect(await rest(token, 'PATCH', `/${id}`, { read: true })).toMatchObject({ status: 404 });
        const removed = await rest(token, 'DELETE', `/${id}`);
        expect([200, 404]).toContain(removed.status);
      }
      await rest(token, 'POST', '/read', { upTo: 999_999_999_999_999 });
      await rest(token, 'POST', '/read', { ids: [1, 2, 3] });
      for (const query of ['?recipient=rich', '?tenant=x&recipient=rich', '?before=3&sub=rich', '/../rich', '?id=1']) {
        expect((await rest(token, 'GET', query)).text).not.toContain('secret');
      }
      await rest(token, 'POST', '/read', { upTo: 5, recipient: 'rich', tenant: 'x' });
    }
    const after = (await inboxRows(database)).filter(
      ({ recipient, tenant }) => recipient !== 'poor' && tenant !== 'other',
    );
    expect(JSON.stringify(after)).toBe(before);
  });

  test('an id that is no number, or full of tricks, is a 404 and changes nothing', async () => {
    await crm.notifications.notify('ann', T);
    const before = await state();
    const token = await accessToken('ann');
    const ids = [
      '1 OR 1=1',
      "1'",
      '1;2',
      '1e0',
      '0x1',
      '-1',
      '+1',
      '1.0',
      ' 1',
      '1\r\n',
      '1'.repeat(16),
      '{1}',
      '1,1',
      '..%2f1',
      '١',
    ];
    for (const id of ids) {
      for (const [method, body] of [
        ['PATCH', { read: true }],
        ['DELETE', undefined],
      ] as const) {
        const { status } = await rest(token, method, `/${encodeURIComponent(id)}`, body);
        expect({ id, method, status }).toEqual({ id, method, status: 404 });
      }
    }
    expect(await state()).toBe(before);
  });

  test.each(['a\r\nb', 'a\nevent: close', '\0', '\u0085', 'x'.repeat(256), 5.5, true, ['a'], { id: 'a' }])(
    'a token whose recipient or tenant is %j opens nothing',
    async (claim) => {
      const before = await state();
      const tokens = [await accessToken('ann', { tenant: claim })];
      if (typeof claim === 'string') tokens.push(await accessToken(claim));
      for (const token of tokens) {
        for (const path of ['', '/unread-count', '/stream']) {
          expect(await rest(token, 'GET', path)).toMatchObject({
            status: 401,
            text: expect.not.stringContaining('items'),
          });
        }
      }
      expect(await state()).toBe(before);
    },
  );
});
