import type { IncomingMessage, Server } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { RawConnection } from '../support/raw-connection.js';
import { StreamClient } from '../support/stream-client.js';

const MB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('A stream that has taken its connection from Node’s HTTP server', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let server: Server;
  let token: string;
  /** Of the streams' requests and responses. */
  const requests: WeakRef<object>[] = [];
  const clients: { close(): void }[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, {
      notifications: { maxStreamsPerRecipient: 200 },
      configure: (app) =>
        app.use((request: IncomingMessage, response: object, next: () => void) => {
          if (request.url?.includes('remember')) requests.push(new WeakRef(request), new WeakRef(response));
          next();
        }),
    });
    server = crm.app.getHttpServer();
    token = await accessToken('ann');
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  async function open(query = '', ...headers: string[]): Promise<RawConnection> {
    const client = await RawConnection.open(crm.url);
    clients.push(client);
    const path = `/notifications/stream${query}`;
    client.send(`GET ${path} HTTP/1.1`, 'Host: crm', `Authorization: Bearer ${token}`, ...headers, '');
    return client;
  }

  async function expectLive(client: RawConnection): Promise<void> {
    const from = client.received.length;
    crm.notifications.signal('ann', 'still there?');
    await client.until('still there?', from);
  }

  async function connectionsOfServer(): Promise<number> {
    return await new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  // In docs/in-your-application.md: whoever counts or cuts connections must know.
  test('is not among the connections of that server, which neither counts it nor cuts it', async () => {
    const client = await open();
    await client.until('event: ready');
    await eventually(async () => expect(await connectionsOfServer()).toBe(0));
    server.closeAllConnections();
    await expectLive(client);
    expect(crm.notifications.connections()).toBe(1);
  });

  test('is not waited for by server.close(); app.close() ends it', async () => {
    const other = await startCrmApp(database);
    const client = await StreamClient.open(other.url, token);
    await new Promise((resolve) => other.app.getHttpServer().close(resolve));
    other.notifications.signal('ann', 'still there?');
    await client.until(() => client.of('signal').length === 1);
    // The server is closed already, which Nest has no objection to.
    await other.close();
    await client.until(() => client.ended);
    expect(client.of('close').map(({ data }) => data.reason)).toEqual(['shutdown']);
  });

  test('holds on to nothing of its request', async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => open('?remember')));
    for (const client of opened) await client.until('event: ready');
    expect(requests).toHaveLength(2 * opened.length);
    await eventually(() => {
      collectGarbage();
      const held = requests.filter((reference) => reference.deref() !== undefined);
      // The last one may still be in somebody's register.
      expect(held.length).toBeLessThanOrEqual(2);
    });
    await expectLive(opened[0] as RawConnection);
  });

  test('ignores what its client sends, without keeping it', async () => {
    const client = await open();
    await client.until('event: ready');
    const chunk = Buffer.alloc(MB, 'GET / HTTP/1.1\r\n');
    collectGarbage();
    const { arrayBuffers } = process.memoryUsage();
    for (let sent = 0; sent < 64; sent++) {
      if (!client.socket.write(chunk)) await new Promise((resolve) => client.socket.once('drain', resolve));
    }
    await eventually(() => {
      collectGarbage();
      expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(16 * MB);
    });
    await expectLive(client);
    expect(client.received.split('HTTP/1.1 ')).toHaveLength(2);
  });

  test('is not held up by a body that nobody reads', async () => {
    const length = 4 * MB;
    const client = await open('', `Content-Length: ${length}`, 'Content-Type: application/octet-stream');
    client.socket.write('x'.repeat(length / 2));
    await client.until('event: ready');
    client.socket.write('x'.repeat(length / 2));
    await expectLive(client);
  });

  test('leaves nothing behind, however it ends: 1,000 of them', async () => {
    const count = () => {
      const resources = process.getActiveResourcesInfo();
      const of = (type: string) => resources.filter((name) => name === type).length;
      const listeners = server.eventNames().map((name) => [name, server.listenerCount(name)]);
      return { sockets: of('TCPSocketWrap'), timers: of('Timeout'), immediates: of('Immediate'), listeners };
    };
    const round = async (size: number) => {
      const opened = await Promise.all(Array.from({ length: size }, () => StreamClient.open(crm.url, token)));
      for (const client of opened.slice(size / 2)) client.close();
      await crm.notifications.disconnect('ann');
      await Promise.all(opened.map((client) => client.until(() => client.ended)));
      await eventually(() => expect(crm.notifications.connections()).toBe(0));
    };
    await round(10);
    const before = await eventually(() => {
      const now = count();
      expect(now.immediates).toBe(0);
      return now;
    });
    for (let i = 0; i < 10; i++) await round(100);
    await eventually(() => {
      const after = count();
      expect(after.listeners).toEqual(before.listeners);
      expect(after.sockets).toBeLessThanOrEqual(before.sockets);
      expect(after.timers).toBeLessThanOrEqual(before.timers + 2);
    });
  });
});
