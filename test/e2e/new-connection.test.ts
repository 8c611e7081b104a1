import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NotificationsDataSource } from '../../src/notifications/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

/** https://www.postgresql.org/docs/18/protocol-message-formats.html: ReadyForQuery, idle. */
const READY = Buffer.from('Z\0\0\0\x05I', 'latin1');

function fatal(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C57P01\0M${message}\0\0`, 'latin1');
  const head = Buffer.from('E\0\0\0\0', 'latin1');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** A way to Postgres on which every connection but the first is ended in the packet that says it is ready. */
async function startEndingProxy(to: URL) {
  let connections = 0;
  const server = createServer((client) => {
    const isFirst = connections++ === 0;
    const upstream = connect(Number(to.port || 5432), to.hostname);
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      const ends = !isFirst && chunk.subarray(-READY.length).equals(READY);
      if (ends) client.end(Buffer.concat([chunk, fatal('terminating connection due to administrator command')]));
      else client.write(chunk);
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(to);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url: url.href, close: () => server.close() };
}

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});

afterAll(async () => {
  await database.drop();
});

test('a connection that Postgres ends the moment it is ready fails its statement, and not the process', async () => {
  const proxy = await startEndingProxy(new URL(database.url));
  const source = new NotificationsDataSource({ type: 'postgres', url: proxy.url });
  await source.initialize();
  try {
    // The first has the connection that there is; the second needs a new one.
    const [first, second] = await Promise.allSettled([
      source.run({ name: 'first', text: 'SELECT pg_sleep(0.1)' }),
      source.run({ name: 'second', text: 'SELECT 1' }),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second.status).toBe('rejected');
    expect(await source.run({ name: 'third', text: 'SELECT 3 AS three' })).toEqual([{ three: 3 }]);
  } finally {
    await source.destroy();
    proxy.close();
  }
});
