import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

describe('The path of a notification', () => {
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

  test('from notify() to a client that is connected', async () => {
    const client = await StreamClient.open(crm.url, await accessToken('alice'));
    expect(client.frames).toEqual([
      { event: 'ready', id: '0', data: { lastId: 0, unread: 0, revision: 0, heartbeatMs: 20_000, retryMs: 3_000 } },
    ]);

    const result = await crm.notifications.notify('alice', { type: 'deal.assigned', title: 'Acme is yours now' });
    expect(result.status).toBe('delivered');
    await client.until(() => client.of('state').length === 1);
    expect(client.frames.slice(1)).toEqual([
      {
        event: 'message',
        id: '1',
        data: {
          id: 1,
          type: 'deal.assigned',
          title: 'Acme is yours now',
          body: null,
          url: null,
          data: {},
          createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
          read: false,
        },
      },
      { event: 'state', id: '1', data: { lastId: 1, unread: 1, revision: 0 } },
    ]);

    expect(await crm.notifications.markRead('alice', [1])).toEqual({ lastId: 1, unread: 0, revision: 1, found: 1 });
    await client.until(() => client.of('state').length === 2);
    expect(client.frames.at(-1)).toEqual({
      event: 'state',
      id: '1',
      data: { lastId: 1, unread: 0, revision: 1, read: [1] },
    });
    client.close();
  });

  test('from a transaction that commits, and from none that rolls back', async () => {
    const client = await StreamClient.open(crm.url, await accessToken('bob'));
    const lost = crm.dataSource.transaction(async (manager) => {
      await crm.notifications.notify('bob', { type: 't', title: 'never' }, { manager });
      throw new Error('rolled back');
    });
    await expect(lost).rejects.toThrow('rolled back');
    await crm.dataSource.transaction(async (manager) => {
      const result = await crm.notifications.notify('bob', { type: 't', title: 'committed' }, { manager });
      expect(result.status).toBe('queued');
    });
    await client.until(() => client.of('state').length === 1);
    expect(client.of('message').map((frame) => frame.data.title)).toEqual(['committed']);
    client.close();
  });
});
