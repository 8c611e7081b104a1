import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

describe('The hub', () => {
  let database: TestDatabase;
  let parts: StreamParts;
  let people = 0;
  let key: { tenant: string; recipient: string };

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  beforeEach(async () => {
    parts = await StreamParts.start(database.url);
    key = { tenant: '', recipient: `person ${people++}` };
  });

  afterEach(async () => {
    await parts.close();
  });

  afterAll(async () => {
    await database.drop();
  });

  async function held(count: number): Promise<void> {
    await eventually(() => expect(parts.store.held).toHaveLength(count));
  }

  test('a read that overtakes the first one of a stream still revokes it', async () => {
    const hub = parts.hub();
    const stream = new Collected();
    await parts.deliver(key.recipient);
    parts.store.holding = true;
    hub.connect(key, stream.sink);
    await held(1);
    await parts.store.disconnect(key);
    hub.onHints([key]);
    await held(2);

    const [first, second] = parts.store.held;
    second?.release();
    await eventually(() => expect(parts.store.reads).toHaveLength(2));
    first?.release();
    await eventually(() => expect(stream.completed).toBe(true));
    expect(stream.types).toEqual(['close']);
    expect(stream.frames[0]?.data).toBe('{"reason":"revoked","reconnect":false}');
  });

  test('what arrives between the first read of a stream and its going live is not missed', async () => {
    const hub = parts.hub();
    const stream = new Collected();
    await parts.deliver(key.recipient, 3);
    parts.store.holding = true;
    hub.connect(key, { ...stream.sink, lastEventId: '1' });
    await held(1);
    await parts.deliver(key.recipient, 2);
    hub.onHints([key]);
    await held(2);
    parts.store.holding = false;

    const [first, second] = parts.store.held;
    second?.release();
    await eventually(() => expect(parts.store.reads).toHaveLength(2));
    first?.release();
    await eventually(() => expect(stream.frames.at(-1)?.data).toContain('"lastId":5,"unread":5'));
    const ids = stream.frames.filter((frame) => !frame.type).map((frame) => frame.id);
    expect(ids).toEqual(['2', '3', '4', '5']);
  });

  test('what a gap has lost between the first read of a stream and its going live is not missed', async () => {
    const hub = parts.hub();
    const stream = new Collected();
    await parts.deliver(key.recipient, 3);
    parts.store.holding = true;
    hub.connect(key, { ...stream.sink, lastEventId: '1' });
    await held(1);
    await parts.deliver(key.recipient, 2);
    hub.onGap();
    await held(2);
    parts.store.holding = false;

    const [first, second] = parts.store.held;
    first?.release();
    await eventually(() => expect(stream.types).toContain('ready'));
    second?.release();
    await eventually(() => expect(stream.frames.at(-1)?.data).toContain('"lastId":5,"unread":5'));
    const ids = stream.frames.filter((frame) => !frame.type).map((frame) => frame.id);
    expect(ids).toEqual(['2', '3', '4', '5']);
  });

  test.each([
    ['its cursor', '41', '41'],
    ['none where it had none', undefined, ''],
    ['none where it had an empty one', '', ''],
    ['a malformed one, but not the one that it sent', 'x\n1', 'malformed'],
  ])('a stream that ends before it is ready leaves its client %s', async (_, lastEventId, id) => {
    const hub = parts.hub();
    parts.store.holding = true;
    const stream = new Collected();
    const connection = hub.connect(key, { ...stream.sink, lastEventId });
    await held(1);
    connection.end('shutdown', 7);
    expect(stream.frames).toEqual([{ type: 'close', id, data: '{"reason":"shutdown","reconnect":true}', retry: 7 }]);
    expect(stream.completed).toBe(true);
    expect(hub.connections()).toBe(0);
  });

  test('clients that come and go while Postgres is away leave nothing to be read for them', async () => {
    const hub = parts.hub();
    await database.query('ALTER SCHEMA notifications RENAME TO away');
    try {
      for (let i = 0; i < 500; i++) hub.connect({ tenant: '', recipient: `gone ${i}` }, new Collected().sink).close();
      const staying = new Collected();
      hub.connect(key, staying.sink);
      await eventually(() => expect(parts.errors.length).toBeGreaterThan(1));
      parts.store.reads.length = 0;
      await database.query('ALTER SCHEMA away RENAME TO notifications');
      await eventually(() => expect(staying.types).toEqual(['ready']));
      expect(parts.store.reads.flat().filter(({ recipient }) => recipient !== key.recipient)).toEqual([]);
    } finally {
      await database.query('ALTER SCHEMA away RENAME TO notifications').catch(() => {});
    }
  });

  test('one read serves all the streams of an inbox, and each goes on from where it is', async () => {
    const hub = parts.hub();
    const streams = Array.from({ length: 20 }, () => new Collected());
    for (const stream of streams) hub.connect(key, stream.sink);
    await eventually(() => expect(streams.every((stream) => stream.types.length === 1)).toBe(true));
    parts.store.reads.length = 0;
    await parts.deliver(key.recipient, 3);
    hub.onHints([key]);
    for (const stream of streams) {
      await eventually(() => expect(stream.types).toEqual(['ready', 'message', 'message', 'message', 'state']));
    }
    expect(parts.store.reads.flat()).toHaveLength(1);
  });

  test('a burst of hints costs a read or two, not one each', async () => {
    const hub = parts.hub();
    const stream = new Collected();
    hub.connect(key, stream.sink);
    await eventually(() => expect(stream.types).toEqual(['ready']));
    parts.store.reads.length = 0;
    await parts.deliver(key.recipient);
    for (let i = 0; i < 1_000; i++) hub.onHints([key]);
    await eventually(() => expect(stream.types).toEqual(['ready', 'message', 'state']));
    expect(parts.store.reads.flat().length).toBeLessThanOrEqual(2);
  });

  test('with every hint lost the sweep finds arrivals, changes and revocations', async () => {
    const hub = parts.hub({ sweepMs: 100 });
    const stream = new Collected();
    hub.connect(key, stream.sink);
    await eventually(() => expect(stream.types).toEqual(['ready']));
    await parts.deliver(key.recipient);
    await eventually(() => expect(stream.types).toEqual(['ready', 'message', 'state']));
    await parts.store.markRead(key, [1]);
    await eventually(() => expect(stream.frames.at(-1)?.data).toBe('{"lastId":1,"unread":0,"revision":1}'));
    await parts.store.disconnect(key);
    await eventually(() => expect(stream.completed).toBe(true));
    expect(stream.frames.at(-1)).toMatchObject({ type: 'close', data: '{"reason":"revoked","reconnect":false}' });
  });
});
