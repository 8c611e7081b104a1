import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

/** A sweep that doesn't come: nothing but what the hub is told may bring a notification. */
const NEVER_MS = 600_000;

/** What Postgres writes otherwise than JavaScript. */
const CONTENT = {
  title: 'Zwölf Angebote – 报价 "neu" \u2028',
  body: 'two\nlines',
  url: '/deals/1',
  data: { longer: 1, b: 1e21, a: [1.5, -0, 'ü', null], nested: { z: true, y: {} } },
};

describe('What an instance has stored itself', () => {
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

  function messagesOf(stream: Collected) {
    return stream.frames.filter((frame) => frame.type === undefined);
  }

  test('reaches its streams without being read, and is to the byte what a replay brings', async () => {
    const hub = parts.hub({ sweepMs: NEVER_MS });
    const [live, replayed] = [new Collected(), new Collected()];
    await parts.deliver(key.recipient);
    hub.connect(key, live.sink);
    await eventually(() => expect(live.types).toEqual(['ready']));
    await eventually(() => expect(parts.store.reads).toHaveLength(1));
    hub.onHints([key], await parts.arrive(key.recipient, CONTENT));
    expect(live.types).toEqual(['ready', 'message', 'state']);
    expect(live.frames.at(-1)?.data).toBe('{"lastId":2,"unread":2,"revision":0}');
    expect(parts.store.reads).toHaveLength(1);

    hub.connect(key, { ...replayed.sink, lastEventId: '1' });
    await eventually(() => expect(replayed.types).toEqual(['ready', 'message', 'state']));
    expect(messagesOf(live)).toEqual(messagesOf(replayed));
    expect(JSON.parse(messagesOf(live)[0]?.data ?? '')).toMatchObject({ id: 2, ...CONTENT, data: { b: 1e21 } });
  });

  test('comes in its order behind what another instance has stored, of which no hint came', async () => {
    const hub = parts.hub({ sweepMs: NEVER_MS });
    const stream = new Collected();
    hub.connect(key, stream.sink);
    await eventually(() => expect(stream.types).toEqual(['ready']));
    await parts.deliver(key.recipient);
    hub.onHints([key], await parts.arrive(key.recipient));
    await eventually(() => expect(messagesOf(stream).map((frame) => frame.id)).toEqual(['1', '2']));
  });

  test('comes once and in order, though it is told late or twice', async () => {
    const hub = parts.hub({ sweepMs: NEVER_MS });
    const stream = new Collected();
    hub.connect(key, stream.sink);
    await eventually(() => expect(stream.types).toEqual(['ready']));
    const first = await parts.arrive(key.recipient);
    const second = await parts.arrive(key.recipient);
    for (const arrivals of [second, first, second]) hub.onHints([key], arrivals);
    await eventually(() => expect(messagesOf(stream)).toHaveLength(2));
    hub.onHints([key], first);
    hub.onHints([key], await parts.arrive(key.recipient));
    expect(messagesOf(stream).map((frame) => frame.id)).toEqual(['1', '2', '3']);
  });

  test('is not missed by a stream that has read its inbox before, and is not live yet', async () => {
    const hub = parts.hub({ sweepMs: NEVER_MS });
    const stream = new Collected();
    await parts.deliver(key.recipient);
    parts.store.holding = true;
    hub.connect(key, stream.sink);
    await eventually(() => expect(parts.store.held).toHaveLength(1));
    hub.onHints([key], await parts.arrive(key.recipient));
    parts.store.holding = false;
    parts.store.held[0]?.release();
    await eventually(() => expect(messagesOf(stream).map((frame) => frame.id)).toEqual(['2']));
  });

  test('is no arrival when it has expired already', async () => {
    await parts.deliver(key.recipient);
    const expiresAt = new Date(Date.now() - 60_000).toISOString();
    expect((await parts.arrive(key.recipient, { expiresAt })).size).toBe(0);
  });
});
