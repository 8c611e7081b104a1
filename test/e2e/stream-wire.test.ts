import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { STREAM_HOSTS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { RawStream } from '../support/raw-stream.js';
import { StreamClient } from '../support/stream-client.js';

describe.each(STREAM_HOSTS)('The wire format on %s', (_, adapter, writer) => {
  let database: TestDatabase;
  let crm: CrmApp;
  let user: string;
  let token: string;
  let users = 0;
  const open: { close(): void }[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, {
      adapter: adapter(),
      notifications: { ...writer, maxReplay: 10, heartbeatMs: 2_000, retryMs: 1_234 },
    });
  });

  beforeEach(async () => {
    user = `user ${users++}`;
    token = await accessToken(user);
  });

  afterEach(() => {
    for (const stream of open.splice(0)) stream.close();
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  async function notify(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await crm.notifications.notify(user, { type: 't', title: `n${i}` });
  }

  async function connect(lastEventId?: string | number, query = ''): Promise<StreamClient> {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (lastEventId !== undefined) headers['last-event-id'] = String(lastEventId);
    const client = new StreamClient(`${crm.url}/notifications/stream${query}`, { headers });
    open.push(client);
    await client.until(() => client.frames.length > 0 || client.ended);
    return client;
  }

  /** A heartbeat may come at any moment, also between two other frames. */
  const withoutPings = (client: StreamClient) => client.frames.filter(({ event }) => event !== 'ping');

  /** Everything that was sent to it before this has come once this has. */
  async function settled(client: StreamClient): Promise<StreamClient> {
    await notify(1);
    const { lastId } = await crm.notifications.unreadCount(user);
    await client.until(() => client.frames.at(-1)?.event === 'state' && client.frames.at(-1)?.data.lastId === lastId);
    return client;
  }

  test('byte by byte: ready with retry first, an id on every frame, one line of data, state after a run', async () => {
    await notify(2);
    const raw = new RawStream(`${crm.url}/notifications/stream`, {
      authorization: `Bearer ${token}`,
      'last-event-id': '1',
    });
    open.push(raw);
    await raw.until(() => raw.text.includes('event: state'));
    // Only when it is live: what happens while a stream goes live is read without details.
    await raw.until(() => raw.text.includes('event: ping'));
    await crm.notifications.markRead(user, [2]);
    await raw.until(() => raw.text.includes('"read":[2]'));
    // A heartbeat may come at any moment, also between two of the others.
    const isPing = (block: string) => block.startsWith('event: ping');
    expect(raw.blocks.filter((block) => !isPing(block)).slice(0, 4)).toEqual([
      'event: ready\nid: 1\nretry: 1234\ndata: {"lastId":2,"unread":2,"revision":0,"heartbeatMs":2000,"retryMs":1234}',
      expect.stringMatching(
        /^id: 2\ndata: \{"id":2,"type":"t","title":"n1","body":null,"url":null,"data":\{\},"createdAt":"\d{4}-\d\d-\d\dT[\d:.]+Z","read":false\}$/,
      ),
      'event: state\nid: 2\ndata: {"lastId":2,"unread":2,"revision":0}',
      'event: state\nid: 2\ndata: {"lastId":2,"unread":1,"revision":1,"read":[2]}',
    ]);
    expect(raw.blocks.find(isPing)).toMatch(/^event: ping\nid: [12]\ndata: \{\}$/);
    for (const block of raw.blocks) if (!block.startsWith(':')) expect(block).toMatch(/^id: \d+$/m);
    expect(raw.text).not.toContain('\r');
  });

  test('a text with every kind of line break stays one line of data', async () => {
    const client = await connect();
    const title = 'a\rb\nc\r\nd\u2028e\u2029f\u0085g';
    const body = 'id: 99\n\nevent: close\ndata: forged\n\n';
    await crm.notifications.notify(user, { type: 't', title, body, data: { '\n': '\r\n\n' } });
    await client.until(() => client.of('state').length === 1);
    expect(withoutPings(client).map(({ event, id }) => [event, id])).toEqual([
      ['ready', '0'],
      ['message', '1'],
      ['state', '1'],
    ]);
    expect(client.of('message')[0]?.data).toMatchObject({ title, body, data: { '\n': '\r\n\n' } });
  });

  test('details of each kind of change go to whoever knows the revision before', async () => {
    await notify(3);
    const client = await connect(3);
    await crm.notifications.markRead(user, [1]);
    await client.until(() => client.of('state').length === 1);
    await crm.notifications.markRead(user, { upTo: 3 });
    await client.until(() => client.of('state').length === 2);
    await crm.notifications.markUnread(user, [2, 3]);
    await client.until(() => client.of('state').length === 3);
    await crm.notifications.remove(user, [1, 2]);
    await client.until(() => client.of('state').length === 4);
    expect(client.of('state').map((frame) => frame.data)).toEqual([
      { lastId: 3, unread: 2, revision: 1, read: [1] },
      { lastId: 3, unread: 0, revision: 2, readUpTo: 3 },
      { lastId: 3, unread: 2, revision: 3, unreadIds: [2, 3] },
      { lastId: 3, unread: 1, revision: 4, removed: [1, 2] },
    ]);
  });

  test('whoever missed a change gets the numbers alone, and the details of the one after', async () => {
    await notify(3);
    const client = await connect(3);
    // Nobody is told of this one: plain SQL.
    const bump = 'UPDATE notifications.inbox SET revision = revision + 1 WHERE recipient_id = $1';
    await database.query(bump, [user]);
    await crm.notifications.markRead(user, [1]);
    await client.until(() => client.of('state').length === 1);
    expect(client.of('state')[0]?.data).toEqual({ lastId: 3, unread: 2, revision: 2 });

    await crm.notifications.markRead(user, [2]);
    await client.until(() => client.of('state').length === 2);
    expect(client.of('state')[1]?.data).toEqual({ lastId: 3, unread: 1, revision: 3, read: [2] });
  });

  test('reading what is read already, or is not there, tells nobody anything', async () => {
    await notify(2);
    const client = await connect(2);
    await client.until(() => client.of('ready').length === 1);
    await crm.notifications.markRead(user, [1]);
    await crm.notifications.markRead(user, [1, 77]);
    await crm.notifications.markUnread(user, [2]);
    await crm.notifications.remove(user, [77]);
    await settled(client);
    expect(client.of('state').map((frame) => frame.data.revision)).toEqual([1, 1]);
  });

  test('without a cursor it starts at the present', async () => {
    await notify(3);
    const client = await settled(await connect());
    expect(client.frames[0]).toMatchObject({ event: 'ready', id: '3', data: { lastId: 3, unread: 3 } });
    expect(client.ids).toEqual([4]);
  });

  test.each([
    ['the header', '2', ''],
    ['the query', undefined, '?lastEventId=2'],
    ['the header where both are given', '2', '?lastEventId=1'],
    ['the query where the header is empty', '', '?lastEventId=2'],
    ['leading zeros', '000000000000002', ''],
  ])('a cursor in %s: what came later is replayed, then it goes on live', async (__, header, query) => {
    await notify(5);
    const client = await settled(await connect(header, query));
    expect(client.ids).toEqual([3, 4, 5, 6]);
    expect(client.of('ready')[0]).toMatchObject({ id: '2', data: { lastId: 5, unread: 5 } });
    expect(client.of('reset')).toEqual([]);
  });

  test.each([
    ['letters', 'abc'],
    ['a sign', '-1'],
    ['a fraction', '1.5'],
    ['sixteen digits', '1234567890123456'],
    ['JSON', '{"__proto__":1}'],
    ['SQL', "1'; DROP TABLE inbox; --"],
    ['ahead of the inbox', '999999999999999'],
    ['more than maxReplay behind', '1'],
  ])('a cursor that is %s: reset, then live; it is never an error and never echoed', async (__, cursor) => {
    await notify(12);
    const reset = { event: 'reset', id: '12', data: { lastId: 12, unread: 12, revision: 0 } };
    const ready = { event: 'ready', id: '12', data: { ...reset.data, heartbeatMs: 2_000, retryMs: 1_234 } };
    for (const [header, query] of [
      [cursor, ''],
      ['', `?lastEventId=${encodeURIComponent(cursor)}`],
    ] as const) {
      const client = await connect(header, query);
      await client.until(() => withoutPings(client).length >= 2);
      expect(client.status).toBe(200);
      // A heartbeat may come at any moment, also in the first.
      expect(withoutPings(client)).toEqual([ready, reset]);
      if (cursor.length > 1) expect(JSON.stringify([client.frames, client.headers])).not.toContain(cursor);
    }
    const live = await settled(await connect(cursor));
    expect(live.ids).toEqual([13]);
  });

  test('exactly maxReplay behind is replayed; a cursor given twice is reset', async () => {
    await notify(10);
    const replayed = await settled(await connect(0));
    expect(replayed.ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const twice = await connect(undefined, '?lastEventId=1&lastEventId=2');
    await twice.until(() => twice.of('reset').length === 1);
  });

  test('removed and expired ones leave holes, and the rest is replayed in order', async () => {
    await notify(4);
    await crm.notifications.notify(user, { type: 't', title: 'short' }, { expiresAt: new Date(Date.now() + 60_000) });
    await notify(2);
    await crm.notifications.remove(user, [2]);
    const expire = 'UPDATE notifications.inbox_item SET expires_at = now() WHERE recipient_id = $1 AND id = 5';
    await database.query(expire, [user]);
    const client = await settled(await connect(1));
    expect(client.ids).toEqual([3, 4, 6, 7, 8]);
  });
});
