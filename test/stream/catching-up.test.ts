import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DirectDelivery } from '../../src/notifications/inbox/direct-delivery.js';
import { uuidV7 } from '../../src/notifications/uuid-v7.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

/** A sweep that doesn't come: nothing but the streams themselves may find what no hint told. */
const NEVER_MS = 600_000;

describe('Two streams of a recipient, of whom one catches up', () => {
  const key = { tenant: '', recipient: 'alice' };
  let database: TestDatabase;
  let parts: StreamParts;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  beforeEach(async () => {
    parts = await StreamParts.start(database.url);
  });

  afterEach(async () => {
    await parts.close();
  });

  afterAll(async () => {
    await database.drop();
  });

  test('what the one finds out reaches the other, though its hint was lost', async () => {
    const hub = parts.hub({ sweepMs: NEVER_MS });
    const [live, newcomer] = [new Collected(), new Collected()];
    hub.connect(key, live.sink);
    await eventually(() => expect(live.types).toEqual(['ready']));
    await parts.deliver(key.recipient);
    hub.connect(key, newcomer.sink);
    await eventually(() => expect(live.types).toEqual(['ready', 'message', 'state']));
  });

  test('a broadcast that both find comes once', async () => {
    const hub = parts.hub({ sweepMs: NEVER_MS });
    const streams = [new Collected(), new Collected()];
    await parts.store.create([key]);
    const { lastId } = await parts.store.numbers(key);
    const broadcasts = new DirectDelivery(parts.database);
    await broadcasts.deliver({ id: uuidV7(), kind: 'broadcast', type: 't', title: 'to all' });
    // In one turn: both read in one query, and both find that the inbox is behind.
    for (const stream of streams) hub.connect(key, { ...stream.sink, lastEventId: String(lastId) });
    for (const stream of streams) {
      await eventually(() => expect(stream.types).toEqual(['ready', 'message', 'state']));
    }
    expect((await parts.store.numbers(key)).lastId).toBe(lastId + 1);
    await broadcasts.close();
  });
});
