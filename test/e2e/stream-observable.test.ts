import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { MessageEvent } from '@nestjs/common';
import type { Subscription } from 'rxjs';
import { type StreamOptions } from '../../src/notifications/index.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

describe('stream() without a response, and connections()', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  const subscriptions: Subscription[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, { notifications: { maxStreamsPerRecipient: 5 } });
  });

  afterEach(() => {
    for (const subscription of subscriptions.splice(0)) subscription.unsubscribe();
    expect(crm.notifications.connections()).toBe(0);
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  function subscribe(user: string, options?: StreamOptions, source = crm.notifications.stream(user, options)) {
    const events: MessageEvent[] = [];
    const ends: unknown[] = [];
    const subscription = source.subscribe({
      next: (event) => events.push(event),
      error: (error) => ends.push(error),
      complete: () => ends.push('complete'),
    });
    subscriptions.push(subscription);
    const types = () => events.map((event) => event.type ?? 'message');
    return { events, ends, types, subscription };
  }

  test('every subscription is a stream of its own, counted while it lasts', async () => {
    const source = crm.notifications.stream('ann');
    expect(crm.notifications.connections('ann')).toBe(0);
    const [first, second] = [subscribe('ann', {}, source), subscribe('ann', {}, source)];
    expect(crm.notifications.connections('ann')).toBe(2);
    await eventually(() => expect([...first.types(), ...second.types()]).toEqual(['ready', 'ready']));
    first.subscription.unsubscribe();
    expect(crm.notifications.connections('ann')).toBe(1);
    await crm.notifications.notify('ann', { type: 't', title: 'x' });
    await eventually(() => expect(second.types()).toEqual(['ready', 'message', 'state']));
    expect(first.types()).toEqual(['ready']);
    expect(first.ends).toEqual([]);
    // Strings, ready to be written: a host's own @Sse() handler passes them on as they are.
    expect(second.events.every(({ id, data }) => typeof id === 'string' && typeof data === 'string')).toBe(true);
  });

  test('a cursor replays thousands to a subscriber, without blocking the process', async () => {
    const count = 900;
    await Promise.all(
      Array.from({ length: count }, () => crm.notifications.notify('cursor', { type: 't', title: 'x' })),
    );
    const { events, types } = subscribe('cursor', { lastEventId: '0' });
    await eventually(() => expect(types().filter((type) => type === 'message')).toHaveLength(count));
    const ids = events.filter((event) => !event.type).map((event) => Number(event.id));
    expect(ids).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  });

  test('unsubscribing from within, at any frame, ends it there', async () => {
    await Promise.all([1, 2, 3].map(() => crm.notifications.notify('within', { type: 't', title: 'x' })));
    for (let limit = 1; limit <= 5; limit++) {
      const seen: MessageEvent[] = [];
      const source = crm.notifications.stream('within', { lastEventId: '0' });
      const done = new Promise<void>((resolve) => {
        const subscription = source.subscribe((event) => {
          seen.push(event);
          if (seen.length < limit) return;
          // On the first frame there may be no subscription yet.
          queueMicrotask(() => subscription.unsubscribe());
          subscription?.unsubscribe();
          resolve();
        });
      });
      await done;
      expect(crm.notifications.connections('within')).toBe(0);
      expect(seen).toHaveLength(limit);
    }
  });

  test('it completes after disconnect() and expiresAt, and never errors', async () => {
    const revoked = subscribe('eve');
    await eventually(() => expect(revoked.types()).toEqual(['ready']));
    await crm.notifications.disconnect('eve');
    expect(revoked.ends).toEqual(['complete']);
    expect(revoked.types()).toEqual(['ready', 'close']);
    const expired = subscribe('eve', { expiresAt: new Date(Date.now() - 1) });
    await eventually(() => expect(expired.ends).toEqual(['complete']));
  });

  test('validFrom: a disconnect() since the client was let in ends the stream before it is ready', async () => {
    const validFrom = await crm.notifications.streamsValidFrom('late');
    await crm.notifications.disconnect('late');
    const stale = subscribe('late', { validFrom });
    await eventually(() => expect(stale.types()).toEqual(['close']));
    const fresh = subscribe('late', { validFrom: await crm.notifications.streamsValidFrom('late') });
    await eventually(() => expect(fresh.types()).toEqual(['ready']));
  });

  test('subscriptions count towards the caps, and beyond one gets the error', async () => {
    const source = crm.notifications.stream('many');
    for (let i = 0; i < 5; i++) subscribe('many', {}, source);
    const refused = subscribe('many', {}, source);
    expect(refused.ends).toMatchObject([{ code: 'TOO_MANY_STREAMS_OF_RECIPIENT' }]);
    expect(crm.notifications.connections('many')).toBe(5);
  });

  test('connections() tells of one recipient, of one in a tenant, and of all, over HTTP and without', async () => {
    subscribe('ann');
    const clients = await Promise.all([
      StreamClient.open(crm.url, await accessToken('ann')),
      StreamClient.open(crm.url, await accessToken('ann', { tenant: 'acme' })),
      StreamClient.open(crm.url, await accessToken('bob')),
    ]);
    const counts = () => [
      crm.notifications.connections('ann'),
      crm.notifications.connections({ tenant: 'acme', id: 'ann' }),
      crm.notifications.connections('bob'),
      crm.notifications.connections('nobody'),
      crm.notifications.connections(),
    ];
    expect(counts()).toEqual([2, 1, 1, 0, 4]);
    for (const client of clients) client.close();
    await eventually(() => expect(counts()).toEqual([1, 0, 0, 0, 1]));
  });
});
