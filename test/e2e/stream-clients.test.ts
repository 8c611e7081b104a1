import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Hub } from '../../src/notifications/stream/hub.js';
import { STREAM_WRITERS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { RawConnection } from '../support/raw-connection.js';

describe.each(STREAM_WRITERS)('What clients do with the connection of a stream, written by %s', (streamWriter) => {
  let database: TestDatabase;
  let crm: CrmApp;
  let token: string;
  const clients: RawConnection[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    // With one place alone, one that is not given back is noticed.
    crm = await startCrmApp(database, { notifications: { streamWriter, maxStreamsPerRecipient: 1 } });
    token = await accessToken('ann');
  });

  beforeEach(untilFree);

  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
  });

  afterAll(async () => {
    await untilFree();
    await crm.close();
    await database.drop();
  });

  async function connect(): Promise<RawConnection> {
    const client = await RawConnection.open(crm.url);
    clients.push(client);
    return client;
  }

  function request(path: string, ...headers: string[]): string[] {
    return [`GET /notifications${path} HTTP/1.1`, 'Host: crm', `Authorization: Bearer ${token}`, ...headers, ''];
  }

  async function open(...headers: string[]): Promise<RawConnection> {
    const client = await connect();
    client.send(...request('/stream', ...headers));
    await client.until('event: ready');
    return client;
  }

  async function expectLive(client: RawConnection): Promise<void> {
    const from = client.received.length;
    crm.notifications.signal('ann', 'still there?');
    await client.until('still there?', from);
  }

  /** No stream, and the place is free. */
  async function untilFree(): Promise<void> {
    await eventually(async () => {
      expect(crm.notifications.connections()).toBe(0);
      const next = await connect();
      next.send(...request('/stream'));
      await next.until('\r\n\r\n');
      next.close();
      expect(next.received).toMatch(/^HTTP\/1.1 200/);
    });
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
  }

  function answers({ received }: RawConnection): number {
    return received.split('HTTP/1.1 ').length - 1;
  }

  test.each([
    ['closes its side', (client: RawConnection) => client.socket.end()],
    ['resets it', (client: RawConnection) => client.socket.resetAndDestroy()],
    ['goes', (client: RawConnection) => client.socket.destroy()],
  ])('a client that %s has no stream any more, and may come back', async (_, leave) => {
    const client = await open();
    expect(crm.notifications.connections('ann')).toBe(1);
    leave(client);
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(0));
    await eventually(() => expect(client.closed || client.ended).toBe(true));
    await untilFree();
  });

  test('a client that closes its side with its request has no stream either', async () => {
    for (let i = 0; i < 20; i++) {
      const client = await connect();
      client.socket.end(`${request('/stream').join('\r\n')}\r\n`);
      await eventually(() => expect(client.ended || client.closed).toBe(true));
    }
    await untilFree();
  });

  test('a client that leaves before ready gets nothing, and leaves nothing', async () => {
    await crm.dataSource.transaction(async (manager) => {
      // Holds the first read of its inbox.
      await manager.query('LOCK TABLE notifications.inbox IN ACCESS EXCLUSIVE MODE');
      for (let i = 0; i < 20; i++) {
        const client = await connect();
        client.send(...request('/stream'));
        await eventually(() => expect(crm.notifications.connections('ann')).toBe(1));
        client.close();
        await eventually(() => expect(crm.notifications.connections('ann')).toBe(0));
      }
    });
  });

  test('the head comes at once, and ready when Postgres answers', async () => {
    const client = await connect();
    await crm.dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE notifications.inbox IN ACCESS EXCLUSIVE MODE');
      const began = performance.now();
      client.send(...request('/stream'));
      await client.until('\r\n\r\n1\r\n\n\r\n');
      expect(performance.now() - began).toBeLessThan(1_000);
      expect(client.received).toMatch(/^HTTP\/1.1 200 OK\r\n/);
      expect(client.received).not.toContain('event:');
    });
    await client.until('event: ready');
    expect(answers(client)).toBe(1);
    await expectLive(client);
  });

  test('where the server ends it before ready, head, close and end arrive', async () => {
    const client = await connect();
    await crm.dataSource.transaction(async (manager) => {
      await manager.query('LOCK TABLE notifications.inbox IN ACCESS EXCLUSIVE MODE');
      client.send(...request('/stream'));
      await eventually(() => expect(crm.notifications.connections('ann')).toBe(1));
      crm.app.get(Hub).streamsOf({ tenant: '', recipient: 'ann' })[0]?.end('age');
      await eventually(() => expect(client.received).toMatch(/^HTTP.*event: close\n.*\r\n0\r\n\r\n$/s));
    });
    expect(answers(client)).toBe(1);
    expect(client.received).not.toContain('ready');
  });

  test('a kept-alive connection that has served something else opens a stream', async () => {
    const client = await connect();
    for (let i = 0; i < 3; i++) {
      const from = client.received.length;
      client.send(...request('/unread-count'));
      await client.until('"unread":0', from);
    }
    const from = client.received.length;
    client.send(...request('/stream'));
    await client.until('event: ready', from);
    expect(client.received.slice(from)).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    await expectLive(client);
  });

  test('a request that is pipelined behind a stream gets no answer into the stream', async () => {
    const client = await connect();
    client.send(...request('/stream'), ...request('/unread-count'), ...request('/stream'));
    await client.until('event: ready');
    for (let i = 0; i < 3; i++) await expectLive(client);
    client.send(...request('/unread-count'));
    for (let i = 0; i < 3; i++) await expectLive(client);
    expect(answers(client)).toBe(1);
    expect(client.received).not.toMatch(/"unread":0[^\n]*\}HTTP/);
    await crm.notifications.disconnect('ann');
    await client.until('\r\n0\r\n\r\n');
  });

  test('streams that are pipelined give all their places back when their client leaves', async () => {
    for (let i = 0; i < 10; i++) {
      const client = await connect();
      client.send(
        ...request('/unread-count'),
        ...request('/stream'),
        ...request('/stream'),
        ...request('/unread-count'),
      );
      await client.until('event: ready');
      client.socket.resetAndDestroy();
      await untilFree();
    }
  });

  test('a stream that is pipelined behind a request comes after its answer', async () => {
    const client = await connect();
    client.send(...request('/unread-count'), ...request('/stream'));
    await client.until('event: ready');
    expect(answers(client)).toBe(2);
    expect(client.received.indexOf('"unread":0')).toBeLessThan(client.received.indexOf('text/event-stream'));
    await expectLive(client);
  });

  test('a client that does not close its side after the end neither keeps its place nor the connection', async () => {
    // Of its own agent Nest's connection stays open, for another request.
    const client = await open('Connection: close');
    await crm.notifications.disconnect('ann');
    await client.until('\r\n0\r\n\r\n');
    await untilFree();
  });
});
